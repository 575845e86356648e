// Batches of events from the add-on to everyone who listens, in order. A listener that throws is
// reported and does not keep the others from hearing.
import { fromBinary } from '@bufbuild/protobuf';

import { ContractViolationError } from './errors.js';
import { type EventBatch, EventBatchSchema } from './gen/contract_pb.js';

type Listener = (batch: EventBatch) => void;

export class EventFanOut {
  readonly #report: (error: unknown) => void;
  readonly #subscriptions = new Set<{ readonly listener: Listener }>();
  #closed = false;

  /** `report` gets what a listener threw, and bytes that could not be decoded. It must not throw. */
  constructor(report: (error: unknown) => void) {
    this.#report = report;
  }

  subscribe(listener: Listener): () => void {
    // An object of its own, so that one function may subscribe twice and end each on its own.
    const subscription = { listener };
    if (!this.#closed) this.#subscriptions.add(subscription);
    return () => {
      this.#subscriptions.delete(subscription);
    };
  }

  /** Decodes a batch and tells those who were subscribed when it came and still are. */
  deliver(bytes: Uint8Array): void {
    if (this.#closed) return;
    let batch: EventBatch;
    try {
      batch = fromBinary(EventBatchSchema, bytes);
    } catch (cause) {
      this.#report(new ContractViolationError('a batch of events cannot be decoded', { cause }));
      return;
    }
    for (const subscription of [...this.#subscriptions]) {
      if (!this.#subscriptions.has(subscription)) continue;
      try {
        subscription.listener(batch);
      } catch (error) {
        this.#report(error);
      }
    }
  }

  /** Nobody is told anything any more, also not the rest of a batch being delivered. */
  close(): void {
    this.#closed = true;
    this.#subscriptions.clear();
  }
}
