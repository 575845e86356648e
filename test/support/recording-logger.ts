// A logger that keeps what it is told, for tests that ask what an operator would have seen.
import type { LogFields, Logger } from '../../src/core/logger.js';

export interface LogRecord {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: LogFields;
  readonly message: string;
}

export class RecordingLogger implements Logger {
  readonly records: LogRecord[] = [];
  readonly #waiting = new Set<() => void>();

  debug(fields: LogFields, message: string): void {
    this.#add({ level: 'debug', fields, message });
  }

  info(fields: LogFields, message: string): void {
    this.#add({ level: 'info', fields, message });
  }

  warn(fields: LogFields, message: string): void {
    this.#add({ level: 'warn', fields, message });
  }

  error(fields: LogFields, message: string): void {
    this.#add({ level: 'error', fields, message });
  }

  at(level: LogRecord['level']): readonly LogRecord[] {
    return this.records.filter((record) => record.level === level);
  }

  /** Resolves with the first record that matches, present or future. */
  async find(matches: (record: LogRecord) => boolean): Promise<LogRecord> {
    for (;;) {
      const found = this.records.find(matches);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #add(record: LogRecord): void {
    this.records.push(record);
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}
