// Levels of the log, from most to least talkative, and the same levels as the data plane knows them.
import { LOG_LEVELS, type LogLevelName } from '../config/environment.js';
import { LogLevel as DataPlaneLogLevel } from '../dataplane/gen/contract_pb.js';

/** Levels that a line can have. */
export type LineLevel = Exclude<LogLevelName, 'off'>;

const DATA_PLANE_LEVELS: Readonly<Record<LogLevelName, DataPlaneLogLevel>> = {
  trace: DataPlaneLogLevel.LOG_TRACE,
  debug: DataPlaneLogLevel.LOG_DEBUG,
  info: DataPlaneLogLevel.LOG_INFO,
  warn: DataPlaneLogLevel.LOG_WARN,
  error: DataPlaneLogLevel.LOG_ERROR,
  off: DataPlaneLogLevel.LOG_OFF,
};

const LINE_LEVELS: Readonly<Record<DataPlaneLogLevel, LineLevel | undefined>> = {
  [DataPlaneLogLevel.LOG_TRACE]: 'trace',
  [DataPlaneLogLevel.LOG_DEBUG]: 'debug',
  [DataPlaneLogLevel.LOG_INFO]: 'info',
  [DataPlaneLogLevel.LOG_WARN]: 'warn',
  [DataPlaneLogLevel.LOG_ERROR]: 'error',
  [DataPlaneLogLevel.LOG_OFF]: undefined,
};

/** The level named by `text` (any case, spaces around it ignored); undefined when there is none. */
export function parseLogLevel(text: string): LogLevelName | undefined {
  const name = text.trim().toLowerCase();
  return LOG_LEVELS.find((level) => level === name);
}

export function isEnabled(level: LineLevel, threshold: LogLevelName): boolean {
  return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(threshold);
}

/** The more talkative of two levels. */
export function louder(one: LogLevelName, other: LogLevelName): LogLevelName {
  return LOG_LEVELS.indexOf(one) <= LOG_LEVELS.indexOf(other) ? one : other;
}

export function dataPlaneLevel(level: LogLevelName): DataPlaneLogLevel {
  return DATA_PLANE_LEVELS[level];
}

/** The level of a line of the data plane; a line that came without a usable one counts as `info`. */
export function lineLevel(level: DataPlaneLogLevel): LineLevel {
  return LINE_LEVELS[level] ?? 'info';
}
