// Questions that are open now, each with its present answer. Everybody who asks the same shares one
// answer, which is worked out once for each change of what it depends on; nobody is told unless it has
// changed. So the cost of a change is that of the different questions, not of those who ask.
import { type DescMessage, type MessageShape, toBinary } from '@bufbuild/protobuf';

import { DestinationProfileSchema, type DestinationProfile } from '../api/gen/destination_pb.js';
import { ServerSchema, type Server } from '../api/gen/inbound_pb.js';
import { OutboundPolicySchema, type OutboundPolicy } from '../api/gen/outbound_pb.js';
import type { OutboundTarget } from '../control/control-plane.js';
import { formatHostPort } from '../core/ip.js';
import { type ReadonlyWatch, type Unsubscribe, Watch } from '../core/watch.js';
import { type Answer, answered } from './answer.js';
import { type EndpointsState, endpointsAnswer, updatesBetween } from './answers-endpoints.js';
import { inboundAnswer } from './answers-inbound.js';
import { outboundAnswer } from './answers-outbound.js';
import { profileAnswer } from './answers-profile.js';
import { parseDestinationPath } from './destination-path.js';
import type { MeshView } from './mesh-view.js';

/** A message with its bytes, which all streams that carry it share. */
export interface Encoded<T> {
  readonly message: T;
  readonly bytes: Buffer;
}

export interface SharedAnswer<T> {
  readonly answer: ReadonlyWatch<Answer<T>>;
  /** No more interest; call once. */
  release(): void;
}

/** How one kind of question is answered. */
interface Kind<T> {
  answer(view: MeshView): Answer<T>;
  /** What the answer depends on; as long as all are the same objects, so is the answer. */
  inputs(view: MeshView): readonly unknown[];
  isSame(one: T, other: T): boolean;
}

class Question<T> {
  readonly answer: Watch<Answer<T>>;
  users = 0;
  readonly #kind: Kind<T>;
  #inputs: readonly unknown[];

  constructor(kind: Kind<T>, view: MeshView) {
    this.#kind = kind;
    this.#inputs = kind.inputs(view);
    this.answer = new Watch(kind.answer(view));
  }

  refresh(view: MeshView): void {
    const inputs = this.#kind.inputs(view);
    if (inputs.every((input, index) => input === this.#inputs[index])) return;
    this.#inputs = inputs;
    const next = this.#kind.answer(view);
    if (!this.#isSame(this.answer.value, next)) this.answer.set(next);
  }

  #isSame(one: Answer<T>, other: Answer<T>): boolean {
    if (one.kind === 'answer') return other.kind === 'answer' && this.#kind.isSame(one.value, other.value);
    if (one.kind === 'refusal') return other.kind === 'refusal' && one.code === other.code;
    return other.kind === 'pending';
  }
}

export class MeshAnswers {
  readonly #views: ReadonlyWatch<MeshView>;
  readonly #questions = new Map<string, Question<never>>();
  readonly #unsubscribe: Unsubscribe;

  constructor(views: ReadonlyWatch<MeshView>) {
    this.#views = views;
    this.#unsubscribe = views.subscribe((view) => {
      for (const question of [...this.#questions.values()]) question.refresh(view);
    });
  }

  /** How many different questions are open. */
  get open(): number {
    return this.#questions.size;
  }

  /** Destination.Get. */
  endpoints(path: string): SharedAnswer<EndpointsState> {
    return this.#ask<EndpointsState>(`endpoints ${path}`, {
      answer: (view) => endpointsAnswer(view, path),
      inputs: (view) => {
        const asked = parseDestinationPath(path);
        const port = asked?.kind === 'name' ? view.portNamed(asked.name, asked.port) : undefined;
        return port === undefined ? [undefined, undefined] : [port.service, view.endpointsOf(port.service)];
      },
      isSame: (one, other) => updatesBetween(one, other).length === 0,
    });
  }

  /** Destination.GetProfile. */
  profile(path: string): SharedAnswer<Encoded<DestinationProfile>> {
    return this.#ask(
      `profile ${path}`,
      encodedKind(
        DestinationProfileSchema,
        (view) => profileAnswer(view, path),
        (view) => {
          const asked = parseDestinationPath(path);
          // Only what may be an endpoint depends on which endpoints there are.
          const isService = asked?.kind !== 'address' || view.portAt(asked.address) !== undefined;
          return isService ? [view.config] : [view];
        },
      ),
    );
  }

  /** OutboundPolicies.Watch. */
  outboundPolicy(target: OutboundTarget): SharedAnswer<Encoded<OutboundPolicy>> {
    const text = target.kind === 'address' ? formatHostPort(target.address) : target.authority;
    return this.#ask(
      `outbound ${target.kind} ${text}`,
      encodedKind(OutboundPolicySchema, (view) => outboundAnswer(view, target), dependsOnFile),
    );
  }

  /** InboundServerPolicies.WatchPort. */
  inboundPolicy(port: number): SharedAnswer<Encoded<Server>> {
    return this.#ask(
      `inbound ${String(port)}`,
      encodedKind(ServerSchema, (view) => inboundAnswer(view, port), dependsOnFile),
    );
  }

  /** Answers stay as they are from now on. */
  close(): void {
    this.#unsubscribe();
  }

  #ask<T>(key: string, kind: Kind<T>): SharedAnswer<T> {
    // The key says which kind it is, so what is found under it has the right type.
    let question = this.#questions.get(key) as Question<T> | undefined;
    if (question === undefined) {
      question = new Question(kind, this.#views.value);
      this.#questions.set(key, question as unknown as Question<never>);
    }
    const used = question;
    used.users += 1;
    return {
      answer: used.answer,
      release: () => {
        used.users -= 1;
        if (used.users === 0) this.#questions.delete(key);
      },
    };
  }
}

const dependsOnFile = (view: MeshView): readonly unknown[] => [view.config];

/** Answers whose every message is the whole state. */
function encodedKind<Schema extends DescMessage>(
  schema: Schema,
  compute: (view: MeshView) => Answer<MessageShape<Schema>>,
  inputs: (view: MeshView) => readonly unknown[],
): Kind<Encoded<MessageShape<Schema>>> {
  return {
    answer: (view) => {
      const answer = compute(view);
      if (answer.kind !== 'answer') return answer;
      return answered({ message: answer.value, bytes: encode(schema, answer.value) });
    },
    inputs,
    isSame: (one, other) => one.bytes.equals(other.bytes),
  };
}

/** Without a copy. */
export function encode<Schema extends DescMessage>(schema: Schema, message: MessageShape<Schema>): Buffer {
  const bytes = toBinary(schema, message);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
