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
  readonly #pending: { readonly value: T }[] = [];
  #telling = false;

  constructor(initial: T) {
    this.#value = initial;
  }

  get value(): T {
    return this.#value;
  }

  set(value: T): void {
    this.#pending.push({ value });
    if (this.#telling) return;
    this.#telling = true;
    try {
      for (let next = this.#pending.shift(); next !== undefined; next = this.#pending.shift()) {
        this.#value = next.value;
        for (const listener of [...this.#listeners]) {
          // One listener may unsubscribe another that comes after it.
          if (this.#listeners.has(listener)) listener(next.value);
        }
      }
    } finally {
      this.#telling = false;
    }
  }

  subscribe(listener: (value: T) => void): Unsubscribe {
    // Wrapped, so that one function can subscribe twice and each be undone alone.
    const own = (value: T): void => {
      listener(value);
    };
    this.#listeners.add(own);
    own(this.#value);
    return () => this.#listeners.delete(own);
  }
}
