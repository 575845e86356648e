// Lines of the log for those who follow it live, each with a filter of its own (`/logs.json`; reference,
// proxy behaviour §2.3). A reader that is too slow loses lines, and is told how many; nothing waits for
// it, and what waits for it is bounded.
import { type LogLevelName } from '../config/environment.js';
import { failure, type Result, success } from '../core/result.js';
import { type ReadonlyWatch, type Unsubscribe, Watch } from '../core/watch.js';
import { LogFilter } from './log-filter.js';
import { louder } from './log-level.js';
import { DATA_PLANE_TARGETS, logRecord, type LogRecord, type RecordParts } from './log-record.js';
import { jsonRecord } from './record-format.js';

/** Lines that wait for one reader, at most. */
export const STREAM_LINES = 512;

/** One reader. Iterating answers text of whole lines of JSON; ending the iteration ends the stream. */
class LogStream implements AsyncIterableIterator<string> {
  readonly filter: LogFilter;
  readonly #onClose: (stream: LogStream) => void;
  #lines: string[] = [];
  #dropped = 0;
  #isClosed = false;
  #wake: (() => void) | undefined;

  constructor(filter: LogFilter, onClose: (stream: LogStream) => void) {
    this.filter = filter;
    this.#onClose = onClose;
  }

  push(line: string): void {
    if (this.#lines.length >= STREAM_LINES) this.#dropped += 1;
    else this.#lines.push(line);
    this.#wake?.();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#onClose(this);
    this.#wake?.();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<string, undefined>> {
    while (this.#lines.length === 0) {
      if (this.#isClosed) return { done: true, value: undefined };
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    if (this.#dropped > 0) this.#lines.push(JSON.stringify({ dropped_events: this.#dropped }));
    const text = this.#lines.map((line) => `${line}\n`).join('');
    this.#lines = [];
    this.#dropped = 0;
    return { done: false, value: text };
  }

  return(): Promise<IteratorResult<string, undefined>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }
}

export class LogStreams {
  readonly #streams = new Set<LogStream>();
  readonly #level = new Watch<LogLevelName>('off');
  #isClosed = false;

  /** What the data plane must log for those who follow. */
  get level(): ReadonlyWatch<LogLevelName> {
    return this.#level;
  }

  /** Whether anybody follows. */
  get isFollowed(): boolean {
    return this.#streams.size > 0;
  }

  /** Follows what `filterText` lets through, from now on. The error says what is wrong with it. */
  open(filterText: string): Result<AsyncIterableIterator<string>, string> {
    const filter = LogFilter.parse(filterText);
    if (!filter.ok) return failure(filter.error);
    const stream = new LogStream(filter.value, (closed) => {
      this.#streams.delete(closed);
      this.#updateLevel();
    });
    this.#streams.add(stream);
    this.#updateLevel();
    if (this.#isClosed) stream.close();
    return success(stream);
  }

  /** A line for whoever wants it. */
  offer(parts: RecordParts): void {
    if (this.isFollowed) this.offerRecord(logRecord(parts));
  }

  offerRecord(record: LogRecord): void {
    let line: string | undefined;
    for (const stream of this.#streams) {
      if (stream.filter.enables(record)) stream.push((line ??= jsonRecord(record)));
    }
  }

  /** Ends every stream once its reader has what waits for it; later ones end at once. */
  close(): void {
    this.#isClosed = true;
    for (const stream of [...this.#streams]) stream.close();
  }

  #updateLevel(): void {
    const level = [...this.#streams]
      .map(({ filter }) => filter.loudest(DATA_PLANE_TARGETS))
      .reduce<LogLevelName>(louder, 'off');
    if (level !== this.#level.value) this.#level.set(level);
  }
}

/** Tells the most talkative of some levels, now and whenever that may have changed. */
export function followLoudest(
  levels: readonly ReadonlyWatch<LogLevelName>[],
  listener: (level: LogLevelName) => void,
): Unsubscribe {
  const tell = (): void => {
    listener(levels.map(({ value }) => value).reduce<LogLevelName>(louder, 'off'));
  };
  const undo = levels.map((level) => level.subscribe(tell));
  return () => {
    for (const unsubscribe of undo) unsubscribe();
  };
}
