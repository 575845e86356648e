// The controller without sockets: the same answers as the server gives, as a ControlPlane within this
// process. There are no streams that could fail: health tells only when an answer came last and why a
// question has none.
import type { DestinationProfile } from '../api/gen/destination_pb.js';
import type { Server } from '../api/gen/inbound_pb.js';
import type { OutboundPolicy } from '../api/gen/outbound_pb.js';
import type {
  ControlPlane,
  EndpointSet,
  OutboundTarget,
  StreamHealth,
  StreamState,
  StreamWatch,
} from '../control/control-plane.js';
import { type MeshEndpoint, meshEndpoint } from '../control/mesh-endpoint.js';
import type { Clock } from '../core/clock.js';
import { type ReadonlyWatch, Watch } from '../core/watch.js';
import { type Answer, StatusCode } from './answer.js';
import type { EndpointsState } from './answers-endpoints.js';
import type { Encoded, MeshAnswers, SharedAnswer } from './mesh-answers.js';

export class EmbeddedControlPlane implements ControlPlane {
  readonly #answers: MeshAnswers;
  readonly #clock: Clock;

  constructor(answers: MeshAnswers, clock: Clock) {
    this.#answers = answers;
    this.#clock = clock;
  }

  endpoints(path: string): StreamWatch<EndpointSet> {
    return new EmbeddedWatch(this.#answers.endpoints(path), this.#clock, endpointsAsState);
  }

  profile(path: string): StreamWatch<DestinationProfile> {
    return this.#whole(this.#answers.profile(path));
  }

  outboundPolicy(target: OutboundTarget): StreamWatch<OutboundPolicy> {
    return this.#whole(this.#answers.outboundPolicy(target));
  }

  inboundPolicy(port: number): StreamWatch<Server> {
    return this.#whole(this.#answers.inboundPolicy(port));
  }

  #whole<T>(shared: SharedAnswer<Encoded<T>>): StreamWatch<T> {
    return new EmbeddedWatch(shared, this.#clock, (answer, before: StreamState<T>) => {
      if (answer.kind === 'pending') return before;
      if (answer.kind === 'answer') return { kind: 'known', value: answer.value.message };
      return { kind: 'refused', code: answer.code, message: answer.message };
    });
  }
}

class EmbeddedWatch<A, T> implements StreamWatch<T> {
  readonly #state = new Watch<StreamState<T>>({ kind: 'pending' });
  readonly #close: () => void;
  #health: StreamHealth;

  constructor(
    shared: SharedAnswer<A>,
    clock: Clock,
    stateOf: (answer: Answer<A>, before: StreamState<T>) => StreamState<T>,
  ) {
    this.#health = { open: true, sinceMs: clock.now(), lastMessageMs: undefined, lastFailure: undefined };
    const unsubscribe = shared.answer.subscribe((answer) => {
      const nowMs = clock.now();
      if (answer.kind === 'answer') this.#health = { ...this.#health, lastMessageMs: nowMs };
      if (answer.kind === 'refusal') {
        const { code, message } = answer;
        this.#health = { ...this.#health, lastFailure: { code, message, atMs: nowMs } };
      }
      const before = this.#state.value;
      const next = stateOf(answer, before);
      if (next !== before) this.#state.set(next);
    });
    let isOpen = true;
    this.#close = () => {
      if (!isOpen) return;
      isOpen = false;
      this.#health = { ...this.#health, open: false, sinceMs: clock.now() };
      unsubscribe();
      shared.release();
    };
  }

  get state(): ReadonlyWatch<StreamState<T>> {
    return this.#state;
  }

  get health(): StreamHealth {
    return this.#health;
  }

  close(): void {
    this.#close();
  }
}

/** As across the network: a service that is not there is waited for, one that went has no endpoints. */
function endpointsAsState(
  answer: Answer<EndpointsState>,
  before: StreamState<EndpointSet>,
): StreamState<EndpointSet> {
  if (answer.kind === 'answer') return { kind: 'known', value: endpointSet(answer.value) };
  if (answer.kind === 'pending') return before;
  if (answer.code === StatusCode.NOT_FOUND) {
    return before.kind === 'known' ? { kind: 'known', value: new Map() } : before;
  }
  return { kind: 'refused', code: answer.code, message: answer.message };
}

function endpointSet({ labels, entries }: EndpointsState): EndpointSet {
  return new Map(
    [...entries].flatMap(([at, { message }]): [string, MeshEndpoint][] => {
      const endpoint = meshEndpoint(message, labels);
      return endpoint === undefined ? [] : [[at, endpoint]];
    }),
  );
}
