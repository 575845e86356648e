// The log of `sluice proxy`: which lines, by a filter that can be changed while running, in the forms of
// linkerd2-proxy. Its lines go to one output and to those who follow the log live; the filter is about
// the output only.
import { type LogFormat, type LogLevelName } from '../config/environment.js';
import { type LogFields, type Logger } from '../core/logger.js';
import { failure, type Result, success } from '../core/result.js';
import { type ReadonlyWatch, Watch } from '../core/watch.js';
import { LeveledLogger } from './leveled-logger.js';
import { type LogOutput } from './logger.js';
import { LogFilter } from './log-filter.js';
import { isEnabled, type LineLevel } from './log-level.js';
import { DATA_PLANE_TARGETS, LOG_TARGETS, type LogPart, logRecord } from './log-record.js';
import { LogStreams } from './log-streams.js';
import { jsonRecord, plainRecord } from './record-format.js';

export interface ProxyLoggerOptions {
  /** Text of a filter; undefined: nothing is logged, and that cannot be changed. */
  readonly filter: string | undefined;
  readonly format: LogFormat;
  readonly output: LogOutput;
  /** Unix time in milliseconds, with fractions where the clock has them. */
  readonly now: () => number;
}

/** Reads and changes the filter; what `/proxy-log-level` needs. */
export interface FilterControl {
  current(): string;
  /** Undefined when taken, else why not. */
  change(text: string): string | undefined;
}

export class ProxyLogger extends LeveledLogger {
  /** Undefined where nothing is logged. */
  readonly streams: LogStreams | undefined;
  /** Undefined where nothing is logged. */
  readonly control: FilterControl | undefined;
  readonly #options: Omit<ProxyLoggerOptions, 'filter'>;
  readonly #startedAtMs: number;
  readonly #level: Watch<LogLevelName>;
  #filter: LogFilter | undefined;
  #loudest: LogLevelName;

  /** `filter` is that of the options, parsed. */
  constructor(options: Omit<ProxyLoggerOptions, 'filter'>, filter: LogFilter | undefined) {
    super();
    this.#options = options;
    this.#startedAtMs = options.now();
    this.#filter = filter;
    this.#loudest = filter?.loudest() ?? 'off';
    this.#level = new Watch(filter?.loudest(DATA_PLANE_TARGETS) ?? 'off');
    this.streams = filter === undefined ? undefined : new LogStreams();
    this.control =
      filter === undefined
        ? undefined
        : { current: () => this.#filter?.text ?? '', change: (text) => this.#change(text) };
  }

  /** The error is that of the filter, for `Invalid logging configuration: …`. */
  static create(options: ProxyLoggerOptions): Result<ProxyLogger, string> {
    if (options.filter === undefined) return success(new ProxyLogger(options, undefined));
    const filter = LogFilter.parse(options.filter);
    return filter.ok ? success(new ProxyLogger(options, filter.value)) : failure(filter.error);
  }

  /** What the data plane must log for the output; see also `streams.level`. */
  get level(): ReadonlyWatch<LogLevelName> {
    return this.#level;
  }

  /** A logger whose lines have the target of a part. */
  part(part: LogPart): Logger {
    const log =
      (level: LineLevel) =>
      (fields: LogFields, message: string): void => {
        this.#log(level, fields, message, undefined, LOG_TARGETS[part]);
      };
    return { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
  }

  override log(level: LineLevel, fields: LogFields, message: string, timeMs?: number): void {
    this.#log(level, fields, message, timeMs, undefined);
  }

  flush(): void {
    this.#options.output.flush();
  }

  #log(
    level: LineLevel,
    fields: LogFields,
    message: string,
    timeMs: number | undefined,
    target: string | undefined,
  ): void {
    if (this.#filter === undefined) return;
    const isWanted = isEnabled(level, this.#loudest);
    if (!isWanted && this.streams?.isFollowed !== true) return;
    const record = logRecord({ level, fields, message, timeMs: timeMs ?? this.#options.now(), target });
    if (isWanted && this.#filter.enables(record)) {
      const line =
        this.#options.format === 'json' ? jsonRecord(record) : plainRecord(record, this.#startedAtMs);
      this.#options.output.write(`${line}\n`);
    }
    this.streams?.offerRecord(record);
  }

  #change(text: string): string | undefined {
    const filter = LogFilter.parse(text);
    if (!filter.ok) return filter.error;
    this.#filter = filter.value;
    this.#loudest = filter.value.loudest();
    this.#level.set(filter.value.loudest(DATA_PLANE_TARGETS));
    return undefined;
  }
}
