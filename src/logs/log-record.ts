// A line of the log before it is text: with a target and with spans, as the lines of linkerd2-proxy have
// them, so that filters written for it choose the same kind of lines here.
//
// Targets begin with the name of the part, and all of ours with `linkerd`, which is what the default
// filter lets through at INFO; lines about the name system begin with `hickory`, as there.
import { type LogFields } from '../core/logger.js';
import { type LineLevel } from './log-level.js';

export interface LogSpan {
  readonly name: string;
  readonly fields: LogFields;
}

export interface LogRecord {
  readonly level: LineLevel;
  readonly target: string;
  /** What the line happened in, outermost first. */
  readonly spans: readonly LogSpan[];
  /** Without those that became spans, and without undefined ones. */
  readonly fields: LogFields;
  readonly message: string;
  /** Unix time in milliseconds, with fractions. */
  readonly timeMs: number;
  /** 1: the control logic; 2 and more: workers of the data plane. */
  readonly thread: number;
}

/** Targets of the parts that have a logger of their own; other lines have `app`, or that of their side. */
export const LOG_TARGETS = {
  process: 'linkerd2_proxy',
  app: 'linkerd_app',
  inbound: 'linkerd_app_inbound',
  outbound: 'linkerd_app_outbound',
  admin: 'linkerd_app_admin',
  control: 'linkerd_app_core::control',
  policy: 'linkerd_app_core::policy',
  identity: 'linkerd_proxy_identity_client',
  dns: 'hickory_resolver',
} as const;
export type LogPart = keyof typeof LOG_TARGETS;

/** Targets that a line of the data plane can have. */
export const DATA_PLANE_TARGETS: readonly string[] = [
  LOG_TARGETS.app,
  LOG_TARGETS.inbound,
  LOG_TARGETS.outbound,
];

const CONTROL_THREAD = 1;
const FIRST_WORKER_THREAD = 2;

/** Fields that say what a line is about, and the span each becomes. */
const SPAN_FIELDS: ReadonlyMap<string, { readonly span: string; readonly field: string }> = new Map([
  ['destination', { span: 'proxy', field: 'addr' }],
  ['endpoint', { span: 'endpoint', field: 'addr' }],
]);

export interface RecordParts {
  readonly level: LineLevel;
  readonly fields: LogFields;
  readonly message: string;
  readonly timeMs: number;
  /** Undefined: the target of the side that the fields speak of, else that of the application. */
  readonly target?: string | undefined;
}

/** Sorts fields into side, spans, thread and the rest. */
export function logRecord({ level, fields, message, timeMs, target }: RecordParts): LogRecord {
  const spans: LogSpan[] = [];
  const rest: [string, unknown][] = [];
  let thread = CONTROL_THREAD;
  let ofSide: string | undefined;
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const becomes = SPAN_FIELDS.get(name);
    if (name === 'direction' && (value === 'inbound' || value === 'outbound')) {
      ofSide = LOG_TARGETS[value];
      spans.unshift({ name: value, fields: {} });
    } else if (becomes !== undefined) {
      spans.push({ name: becomes.span, fields: { [becomes.field]: value } });
    } else if (name === 'worker' && typeof value === 'number') {
      thread = FIRST_WORKER_THREAD + value;
    } else {
      rest.push([name, value]);
    }
  }
  return {
    level,
    target: target ?? ofSide ?? LOG_TARGETS.app,
    spans,
    fields: Object.fromEntries(rest),
    message,
    timeMs,
    thread,
  };
}
