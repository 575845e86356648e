// A control plane whose answers are what a test says. Every question is kept, closed ones too, so that
// a test can ask what was asked, what is still open, and say what a stream says next.
import type {
  ControlPlane,
  EndpointSet,
  OutboundTarget,
  StreamHealth,
  StreamState,
  StreamWatch,
} from '../../src/control/control-plane.js';
import type { MeshEndpoint } from '../../src/control/mesh-endpoint.js';
import { formatHostPort } from '../../src/core/ip.js';
import { Watch } from '../../src/core/watch.js';
import type { DestinationProfile } from '../../src/api/gen/destination_pb.js';
import type { Server } from '../../src/api/gen/inbound_pb.js';
import type { OutboundPolicy } from '../../src/api/gen/outbound_pb.js';
import { bareEndpoint } from '../../src/policy/synthesized-policy.js';
import type { ManualClock } from './manual-clock.js';
import { at } from './mesh-configs.js';

export class FakeStream<T> implements StreamWatch<T> {
  readonly subject: string;
  readonly state = new Watch<StreamState<T>>({ kind: 'pending' });
  closed = false;
  readonly #clock: ManualClock;
  #health: StreamHealth;

  constructor(subject: string, clock: ManualClock) {
    this.subject = subject;
    this.#clock = clock;
    this.#health = { open: true, sinceMs: clock.now(), lastMessageMs: undefined, lastFailure: undefined };
  }

  get health(): StreamHealth {
    return this.#health;
  }

  close(): void {
    this.closed = true;
  }

  answer(value: T): void {
    this.#assertOpen();
    this.#health = { ...this.#health, open: true, lastMessageMs: this.#clock.now() };
    this.state.set({ kind: 'known', value });
  }

  /** A status after which nobody asks again. */
  refuse(code: number, message: string): void {
    this.#assertOpen();
    this.#fail(code, message);
    this.state.set({ kind: 'refused', code, message });
  }

  /** The stream ends; it is going to be asked again, and what was answered stays. */
  reset(code = 14, message = 'the controller is away'): void {
    this.#assertOpen();
    this.#fail(code, message);
  }

  #fail(code: number, message: string): void {
    const atMs = this.#clock.now();
    this.#health = { ...this.#health, open: false, sinceMs: atMs, lastFailure: { code, message, atMs } };
  }

  #assertOpen(): void {
    if (this.closed) throw new Error(`nobody asks about ${this.subject} any more`);
  }
}

export class FakeControlPlane implements ControlPlane {
  readonly endpointStreams: FakeStream<EndpointSet>[] = [];
  readonly profileStreams: FakeStream<DestinationProfile>[] = [];
  readonly outboundStreams: FakeStream<OutboundPolicy>[] = [];
  readonly inboundStreams: FakeStream<Server>[] = [];
  readonly #clock: ManualClock;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  endpoints(path: string): FakeStream<EndpointSet> {
    return this.#asked(this.endpointStreams, path);
  }

  profile(path: string): FakeStream<DestinationProfile> {
    return this.#asked(this.profileStreams, path);
  }

  outboundPolicy(target: OutboundTarget): FakeStream<OutboundPolicy> {
    const subject = target.kind === 'address' ? formatHostPort(target.address) : target.authority;
    return this.#asked(this.outboundStreams, subject);
  }

  inboundPolicy(port: number): FakeStream<Server> {
    return this.#asked(this.inboundStreams, String(port));
  }

  /** Subjects of all questions that are open, sorted. */
  get open(): readonly string[] {
    return this.#all()
      .filter(({ closed }) => !closed)
      .map(({ subject }) => subject)
      .toSorted();
  }

  #all(): readonly FakeStream<unknown>[] {
    return [
      ...this.endpointStreams,
      ...this.profileStreams,
      ...this.outboundStreams,
      ...this.inboundStreams,
    ] as FakeStream<unknown>[];
  }

  #asked<T>(streams: FakeStream<T>[], subject: string): FakeStream<T> {
    const stream = new FakeStream<T>(subject, this.#clock);
    streams.push(stream);
    return stream;
  }
}

/** The one open stream about a subject; throws when there is none, or more. */
export function openStream<T>(streams: readonly FakeStream<T>[], subject: string): FakeStream<T> {
  const [found, ...others] = streams.filter((stream) => !stream.closed && stream.subject === subject);
  if (found === undefined || others.length > 0) {
    throw new Error(`${found === undefined ? 'nobody asks' : 'several ask'} about ${subject}`);
  }
  return found;
}

export function aMeshEndpoint(address: string, changes: Partial<MeshEndpoint> = {}): MeshEndpoint {
  return {
    ...bareEndpoint(at(address)),
    weight: 10_000,
    ...changes,
  };
}

export function anEndpointSet(...endpoints: readonly (string | MeshEndpoint)[]): EndpointSet {
  const all = endpoints.map((item) => (typeof item === 'string' ? aMeshEndpoint(item) : item));
  return new Map(all.map((endpoint) => [formatHostPort(endpoint.address), endpoint]));
}
