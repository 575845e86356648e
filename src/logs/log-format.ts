// One log line as text for people:
//   [   0.001s] INFO listening address=127.0.0.1:4140
// seconds since start, level, message, then fields. Values with spaces, quotes or control
// characters are quoted as in JSON, so a line is one line whatever is in it.
import { type LogFields } from '../core/logger.js';
import { printable } from '../core/printable.js';

/** A value within a plain line. */
export function valueText(value: unknown): string {
  if (value instanceof Error) return valueText(`${value.name}: ${value.message}`);
  if (typeof value === 'string') {
    return /^[^\s"=\u0000-\u001f\u007f-\u009f\u2028\u2029]+$/.test(value) ? value : JSON.stringify(value);
  }
  if (typeof value === 'bigint') return value.toString();
  // Undefined for functions and symbols, whatever its type says.
  const text: unknown = JSON.stringify(value);
  return typeof text === 'string' ? text : String(value);
}

export function formatPlain(sinceStartMs: number, level: string, message: string, fields: LogFields): string {
  const seconds = (Math.max(0, sinceStartMs) / 1000).toFixed(3).padStart(8);
  const parts = [`[${seconds}s] ${level.toUpperCase()} ${printable(message)}`];
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined) parts.push(`${key}=${valueText(value)}`);
  }
  return parts.join(' ');
}

/** A value within a line of JSON. */
export function jsonValue(value: unknown): unknown {
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  return typeof value === 'bigint' ? value.toString() : value;
}
