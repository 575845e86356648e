// A logger by the one call that differs: its levels are names for it.
import { type LogFields, type Logger } from '../core/logger.js';
import { type LineLevel } from './log-level.js';

export abstract class LeveledLogger implements Logger {
  /** `timeMs` is Unix time, for lines that are older than this call. */
  abstract log(level: LineLevel, fields: LogFields, message: string, timeMs?: number): void;

  debug(fields: LogFields, message: string): void {
    this.log('debug', fields, message);
  }

  info(fields: LogFields, message: string): void {
    this.log('info', fields, message);
  }

  warn(fields: LogFields, message: string): void {
    this.log('warn', fields, message);
  }

  error(fields: LogFields, message: string): void {
    this.log('error', fields, message);
  }
}
