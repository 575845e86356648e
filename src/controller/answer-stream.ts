// Tells one client an answer and its changes, at the client's pace: one message is under way at a time,
// and what changes meanwhile is told as one difference, or as the latest state, when it has been taken.
// So a client that does not read costs one message, however much changes.
import type { Unsubscribe } from '../core/watch.js';
import { type Answer, type Refusal, refused, StatusCode } from './answer.js';
import { type EndpointsState, NO_SERVICE, updatesBetween } from './answers-endpoints.js';
import { UpdateSchema } from '../api/gen/destination_pb.js';
import { encode, type Encoded, type SharedAnswer } from './mesh-answers.js';

/** The server's side of a stream. */
export interface AnswerSink {
  /** `done` when the transport has taken it and may take more. */
  write(bytes: Buffer, done: () => void): void;
  /** Ends the stream; nothing follows. */
  end(refusal: Refusal): void;
}

/** What to send of an answer, seen from what has been told so far. */
interface Teller<T> {
  /** In order; empty when there is nothing to tell. A refusal ends the stream. */
  next(answer: Answer<T>): readonly Buffer[] | Refusal;
}

export class AnswerStream<T> {
  readonly #shared: SharedAnswer<T>;
  readonly #teller: Teller<T>;
  readonly #sink: AnswerSink;
  #unsubscribe: Unsubscribe | undefined;
  /** Parts of one difference that are to be sent before the next one is looked for. */
  #waiting: readonly Buffer[] = [];
  #isUnderWay = false;
  #isOver = false;

  constructor(shared: SharedAnswer<T>, teller: Teller<T>, sink: AnswerSink) {
    this.#shared = shared;
    this.#teller = teller;
    this.#sink = sink;
    const unsubscribe = shared.answer.subscribe(() => {
      this.#tell();
    });
    // What is refused at once is over before there is anything to undo.
    if (this.#isOver) unsubscribe();
    else this.#unsubscribe = unsubscribe;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The client is gone. */
  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#waiting = [];
    this.#unsubscribe?.();
    this.#shared.release();
  }

  /** The controller ends; clients ask again, elsewhere or later. */
  end(message: string): void {
    if (this.#isOver) return;
    this.cancel();
    this.#sink.end(refused(StatusCode.UNAVAILABLE, message));
  }

  #tell(): void {
    if (this.#isUnderWay || this.#isOver) return;
    if (this.#waiting.length === 0) {
      const next = this.#teller.next(this.#shared.answer.value);
      if ('kind' in next) {
        this.#refuse(next);
        return;
      }
      this.#waiting = next;
    }
    const [bytes, ...rest] = this.#waiting;
    if (bytes === undefined) return;
    this.#waiting = rest;
    this.#isUnderWay = true;
    this.#sink.write(bytes, () => {
      this.#isUnderWay = false;
      this.#tell();
    });
  }

  #refuse(refusal: Refusal): void {
    this.cancel();
    this.#sink.end(refusal);
  }
}

/** Every message is the whole state. */
export class StateTeller<T> implements Teller<Encoded<T>> {
  #told: Buffer | undefined;

  next(answer: Answer<Encoded<T>>): readonly Buffer[] | Refusal {
    if (answer.kind === 'refusal') return answer;
    if (answer.kind === 'pending') return [];
    const { bytes } = answer.value;
    if (this.#told?.equals(bytes) === true) return [];
    this.#told = bytes;
    return [bytes];
  }
}

/** Messages are differences. Who was told of a service learns that it is gone, and when it is back. */
export class EndpointsTeller implements Teller<EndpointsState> {
  #told: EndpointsState | undefined;

  next(answer: Answer<EndpointsState>): readonly Buffer[] | Refusal {
    if (answer.kind === 'pending') return [];
    if (answer.kind === 'refusal' && this.#told === undefined) return answer;
    const present = answer.kind === 'answer' ? answer.value : NO_SERVICE;
    const updates = encodedUpdates(this.#told, present);
    this.#told = present;
    return updates;
  }
}

/** Differences by where they lead and where they come from: thousands of streams tell the same ones. */
const encoded = new WeakMap<EndpointsState, WeakMap<EndpointsState, readonly Buffer[]>>();
const NOTHING_TOLD: EndpointsState = { exists: false, labels: {}, entries: new Map() };

function encodedUpdates(told: EndpointsState | undefined, present: EndpointsState): readonly Buffer[] {
  let byOrigin = encoded.get(present);
  if (byOrigin === undefined) encoded.set(present, (byOrigin = new WeakMap()));
  const origin = told ?? NOTHING_TOLD;
  let updates = byOrigin.get(origin);
  if (updates === undefined) {
    updates = updatesBetween(told, present).map((update) => encode(UpdateSchema, update));
    byOrigin.set(origin, updates);
  }
  return updates;
}
