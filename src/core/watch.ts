// A cell with a latest value and subscribers. Late subscribers get the present value at once;
// values set while subscribers are being told are told afterwards, in order.

export type Unsubscribe = () => void;

export interface ReadonlyWatch<T> {
  readonly value: T;
  /** Calls `listener` with the present value now and with each new one. */
  subscribe(listener: (value: T) => void): Unsubscribe;
}

export class Watch<T> implements ReadonlyWatch<T> {
  #value: T;
  readonly #listeners = new Set<(value: T) => void>();
  readonly #pending: T[] = [];
  #telling = false;

  constructor(initial: T) {
    this.#value = initial;
  }

  get value(): T {
    return this.#value;
  }

  set(value: T): void {
    this.#pending.push(value);
    if (this.#telling) return;
    this.#telling = true;
    try {
      for (let next = this.#pending.shift(); next !== undefined; next = this.#pending.shift()) {
        this.#value = next;
        for (const listener of [...this.#listeners]) listener(next);
      }
    } finally {
      this.#telling = false;
    }
  }

  subscribe(listener: (value: T) => void): Unsubscribe {
    this.#listeners.add(listener);
    listener(this.#value);
    return () => this.#listeners.delete(listener);
  }
}
