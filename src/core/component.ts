// A part of the process with a life: built without effects, started once, stopped once.
// Parts are started in the order they were built and stopped in reverse.

export interface Component {
  /** Name for logs, such as `admin`. */
  readonly name: string;
  /** Resolves when the part is ready to work. Rejects when it cannot; then nothing is left behind. */
  start(): Promise<void>;
  /** Releases everything. Safe to call when `start` failed or never ran. Never rejects. */
  stop(): Promise<void>;
}
