// Lines of the log in the forms of linkerd2-proxy (reference, proxy behaviour §10.5).
//   [     0.001234s]  INFO ThreadId(01) outbound:proxy{addr=10.0.0.1:80}: linkerd_app_outbound: message key=value
// In plain form: seconds since the start, level, thread, spans, target, message, fields. As JSON: one
// object with the time as UTC. A line is one line, whatever is in it.
import { type LogFields } from '../core/logger.js';
import { printable } from '../core/printable.js';
import { jsonValue, valueText } from './log-format.js';
import { type LogRecord, type LogSpan } from './log-record.js';

const LEVEL_WIDTH = 5;
const SECONDS_WIDTH = 6;
const MICROSECONDS_WIDTH = 6;

function uptime(sinceStartMs: number): string {
  const microseconds = Math.round(Math.max(0, sinceStartMs) * 1000);
  const seconds = String(Math.floor(microseconds / 1_000_000)).padStart(SECONDS_WIDTH);
  return `[${seconds}.${String(microseconds % 1_000_000).padStart(MICROSECONDS_WIDTH, '0')}s]`;
}

function pairs(fields: LogFields): string {
  return Object.entries(fields)
    .map(([key, value]) => `${printable(key)}=${valueText(value)}`)
    .join(' ');
}

function spanText({ name, fields }: LogSpan): string {
  const inside = pairs(fields);
  return inside === '' ? `${name}:` : `${name}{${inside}}:`;
}

/** Without a line end. */
export function plainRecord(record: LogRecord, startedAtMs: number): string {
  const level = record.level.toUpperCase().padStart(LEVEL_WIDTH);
  const thread = `ThreadId(${String(record.thread).padStart(2, '0')})`;
  const spans = record.spans.map(spanText).join('');
  const parts = [uptime(record.timeMs - startedAtMs), level, thread];
  if (spans !== '') parts.push(spans);
  parts.push(`${record.target}:`, printable(record.message));
  const fields = pairs(record.fields);
  if (fields !== '') parts.push(fields);
  return parts.join(' ');
}

/** Without a line end. */
export function jsonRecord(record: LogRecord): string {
  const { spans } = record;
  const object = {
    timestamp: new Date(record.timeMs).toISOString(),
    level: record.level.toUpperCase(),
    // Last, so that no field can take its place.
    fields: { ...record.fields, message: record.message },
    target: record.target,
    ...(spans.length === 0 ? {} : { spans: spans.map(({ name, fields }) => ({ ...fields, name })) }),
    threadId: `ThreadId(${String(record.thread)})`,
  };
  return JSON.stringify(object, (_key, value: unknown) => jsonValue(value));
}
