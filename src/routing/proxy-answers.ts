// What is known from a stream, as a model instead of a message. Each message is read once; what was
// known stays when the control plane later refuses the question (reference §12.3).
import type { StreamState } from '../control/control-plane.js';
import type { Logger } from '../core/logger.js';

/** What a reader leaves out of a message, and why it may have made nothing of it. */
interface ReadModel {
  readonly notes: readonly string[];
  readonly misconfiguration?: string | undefined;
}

export class LastAnswer<Message, Model extends ReadModel> {
  readonly #read: (message: Message) => Model;
  readonly #logger: Logger;
  /** For logs: what is read, and what about. */
  readonly #what: string;
  readonly #subject: string;
  #seen: Message | undefined;
  #state: StreamState<Model> = { kind: 'pending' };

  constructor(read: (message: Message) => Model, logger: Logger, what: string, subject: string) {
    this.#read = read;
    this.#logger = logger;
    this.#what = what;
    this.#subject = subject;
  }

  get state(): StreamState<Model> {
    return this.#state;
  }

  /** Answers whether anything is new. */
  take(state: StreamState<Message>): boolean {
    switch (state.kind) {
      case 'pending':
        return false;
      case 'refused':
        if (this.#state.kind !== 'pending') return false;
        this.#state = state;
        return true;
      case 'known':
        if (this.#seen === state.value) return false;
        this.#seen = state.value;
        this.#state = { kind: 'known', value: this.#readLoudly(state.value) };
        return true;
    }
  }

  #readLoudly(message: Message): Model {
    const model = this.#read(message);
    const fields = { about: this.#subject };
    if (model.misconfiguration !== undefined) {
      this.#logger.warn({ ...fields, error: model.misconfiguration }, `${this.#what} misconfigured`);
    }
    for (const note of model.notes) {
      this.#logger.warn({ ...fields, note }, `a part of the ${this.#what.toLowerCase()} is ignored`);
    }
    return model;
  }
}
