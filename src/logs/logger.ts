// The process's log: one line per event, plain for people or JSON (pino) for machines, at a level
// that can change while running. Never throws and never waits for the reader of the output: what
// a stuck or full output cannot take is dropped, and counted when it takes lines again.
import { pino } from 'pino';

import { type LogFormat, type LogLevelName } from '../config/environment.js';
import { type LogFields } from '../core/logger.js';
import { type ReadonlyWatch, Watch } from '../core/watch.js';
import { LeveledLogger } from './leveled-logger.js';
import { formatPlain, jsonValue } from './log-format.js';
import { isEnabled, type LineLevel } from './log-level.js';
import { type LogStreams } from './log-streams.js';

/** Where lines go. */
export interface LogOutput {
  /** `text` ends with a newline. */
  write(text: string): void;
  /** Blocks until everything written has gone, or cannot go. */
  flush(): void;
}

export interface LoggerOptions {
  readonly level: LogLevelName;
  readonly format: LogFormat;
  readonly output: LogOutput;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  /** Get every line, whatever the level. */
  readonly streams?: LogStreams;
}

type Render = (level: LineLevel, fields: LogFields, message: string, timeMs: number) => void;

export class ProcessLogger extends LeveledLogger {
  readonly #level: Watch<LogLevelName>;
  readonly #options: LoggerOptions;
  readonly #render: Render;

  constructor(options: LoggerOptions) {
    super();
    this.#options = options;
    this.#level = new Watch(options.level);
    this.#render = options.format === 'json' ? jsonRenderer(options.output) : plainRenderer(options);
  }

  /** The present level, and each new one. */
  get level(): ReadonlyWatch<LogLevelName> {
    return this.#level;
  }

  setLevel(level: LogLevelName): void {
    this.#level.set(level);
  }

  override log(level: LineLevel, fields: LogFields, message: string, timeMs?: number): void {
    const at = timeMs ?? this.#options.now();
    if (isEnabled(level, this.#level.value)) this.#render(level, fields, message, at);
    this.#options.streams?.offer({ level, fields, message, timeMs: at });
  }

  flush(): void {
    this.#options.output.flush();
  }
}

function plainRenderer({ output, now }: LoggerOptions): Render {
  const startedAt = now();
  return (level, fields, message, timeMs) => {
    output.write(`${formatPlain(timeMs - startedAt, level, message, fields)}\n`);
  };
}

/** `{"level":…,"time":…,"fields":{…},"message":…}`: fields apart, so that no name can collide. */
function jsonRenderer(output: LogOutput): Render {
  let time = 0;
  const lines = pino(
    {
      level: 'trace',
      base: null,
      messageKey: 'message',
      timestamp: () => `,"time":"${new Date(time).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    {
      write: (line: string) => {
        output.write(line);
      },
    },
  );
  return (level, fields, message, timeMs) => {
    time = timeMs;
    const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
    const plain = Object.fromEntries(entries.map(([key, value]) => [key, jsonValue(value)]));
    if (entries.length === 0) lines[level](message);
    else lines[level]({ fields: plain }, message);
  };
}

/** Lines that wait for a slow reader, at most; more are dropped. */
const MAX_WAITING_BYTES = 1 << 20;

/** Standard error, written without waiting for its reader. */
export function standardErrorOutput(): LogOutput {
  return outputOf(2, 'standard error');
}

/** Standard output, written without waiting for its reader. */
export function standardOutput(): LogOutput {
  return outputOf(1, 'standard output');
}

function outputOf(descriptor: number, name: string): LogOutput {
  const stream = pino.destination({ fd: descriptor, sync: false, maxLength: MAX_WAITING_BYTES });
  let dropped = 0;
  stream.on('drop', () => dropped++);
  // A reader that went away (EPIPE) or a full disk must not end the proxy.
  stream.on('error', () => dropped++);
  return {
    write: (text) => {
      if (dropped > 0) {
        const lost = dropped;
        dropped = 0;
        stream.write(`${String(lost)} log lines were lost: ${name} did not take them\n`);
      }
      stream.write(text);
    },
    flush: () => {
      try {
        stream.flushSync();
      } catch {
        dropped++;
      }
    },
  };
}
