// What is learned on the way through a message of the API beside the value itself: the first mistake, which
// spoils the whole message, and notes of what had to be left out. Paths are of fields of the message, such
// as `protocol.http1.routes[0].metadata`.
import type { Duration } from '@bufbuild/protobuf/wkt';

import { toMilliseconds } from '../api/duration-values.js';

/** The longest time that the data plane can wait; about 24 days. */
const LONGEST_MS = 2_147_483_647;

export class Reading {
  #mistake: string | undefined;
  readonly #notes: string[] = [];

  get mistake(): string | undefined {
    return this.#mistake;
  }

  get notes(): readonly string[] {
    return this.#notes;
  }

  fail(path: string, what: string): void {
    this.#mistake ??= `${path} ${what}`;
  }

  note(path: string, what: string): void {
    this.#notes.push(`${path} ${what}`);
  }

  /** Whole milliseconds, rounded up so that no time becomes none; undefined when it is absent. */
  duration(path: string, message: Duration | undefined): number | undefined {
    if (message === undefined) return undefined;
    const milliseconds = toMilliseconds(message);
    if (milliseconds === undefined) this.fail(path, 'is negative');
    return Math.min(LONGEST_MS, Math.ceil(milliseconds ?? 0));
  }

  requiredDuration(path: string, message: Duration | undefined): number {
    if (message === undefined) this.fail(path, 'is missing');
    return this.duration(path, message) ?? 0;
  }
}
