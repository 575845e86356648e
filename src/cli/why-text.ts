// The answer of /why.json as text for people: for each failure what failed, the sentence of its reason,
// and the endpoints there were; then what a control plane does not answer.
import { printable } from '../core/printable.js';
import { endpointsText } from '../why/endpoints-picture.js';
import { type FailureRecord } from '../why/failure-record.js';
import { type StreamView, type WhyView } from '../admin/why-endpoint.js';
import { AdminUnavailableError } from './admin-client.js';

const INDENT = ' '.repeat(14);
/** A picture older or younger than its failure by this much says so. */
const NOTABLE_AGE_MS = 500;

function parse(json: string): WhyView {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    value = undefined;
  }
  if (typeof value === 'object' && value !== null && 'failures' in value && 'remembered' in value) {
    return value as WhyView;
  }
  throw new AdminUnavailableError('the answer is not that of sluice');
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}

/** Local time, with the day when that is not today. */
function timeText(timeMs: number, now: Date): string {
  const time = new Date(timeMs);
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(twoDigits).join(':');
  const text = `${clock}.${String(time.getMilliseconds()).padStart(3, '0')}`;
  if (time.toDateString() === now.toDateString()) return text;
  return `${time.getFullYear()}-${twoDigits(time.getMonth() + 1)}-${twoDigits(time.getDate())} ${text}`;
}

function whatText({ request, authority = '', direction }: FailureRecord): string {
  const inbound = direction === 'inbound' ? 'inbound ' : '';
  if (request === undefined) return `${inbound}connection${authority === '' ? '' : ` to ${authority}`}`;
  const { method, path } = request;
  return `${inbound}${method === '' ? 'request' : method} ${path.startsWith('/') ? authority : ''}${path}`.trim();
}

/** By which route, and how often it was tried when that was more than once. */
function routeText({ route, tries = 0 }: FailureRecord): string {
  const parts = route === undefined ? [] : [`route ${route}`];
  if (tries > 1) parts.push(`tried ${tries} times`);
  return parts.join(', ');
}

function failureLines(failure: FailureRecord, now: Date): string[] {
  const { count, firstMs, lastMs, reason, status, client, destination, endpoints } = failure;
  const repeated = count === 1 ? '' : ` ×${count} since ${timeText(firstMs, now)}`;
  const from = client === undefined ? '' : ` from ${client}`;
  const to = destination === undefined ? '' : ` to ${destination}`;
  const lines = [
    [
      timeText(lastMs, now),
      `${status === undefined ? '' : `${status} `}${reason}${repeated}`,
      whatText(failure),
      `${from}${to}`.trim(),
    ]
      .filter((part) => part !== '')
      .join('  '),
  ];
  const how = routeText(failure);
  if (how !== '') lines.push(`${INDENT}${how}`);
  if (failure.detail !== '') lines.push(`${INDENT}${failure.detail}`);
  if (endpoints !== undefined) {
    const of = failure.authority === undefined ? '' : ` of ${failure.authority}`;
    const distant = Math.abs(endpoints.timeMs - lastMs) >= NOTABLE_AGE_MS;
    const at = distant ? ` at ${timeText(endpoints.timeMs, now)}` : '';
    lines.push(`${INDENT}endpoints${of}${at}: ${endpointsText(endpoints)}`);
  }
  return lines.map(printable);
}

function countText(count: number, singular: string, plural: string): string {
  return `${count} ${count === 1 ? singular : plural}`;
}

const STREAM_TEXTS: Readonly<Record<StreamView['kind'], string>> = {
  endpoints: 'endpoints of',
  profile: 'profile of',
  'outbound-policy': 'policy for',
  'inbound-policy': 'policy of port',
};

function secondsText(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}

/** Those that are away, or have never been answered. */
function streamLines(streams: readonly StreamView[]): string[] {
  const unwell = streams.filter(({ open, state }) => state !== 'refused' && (!open || state === 'pending'));
  const lines = unwell.map(({ kind, subject, state, open, ageMs, lastMessageAgoMs, lastFailure }) => {
    const how = open ? 'has not been answered' : 'is not asked now';
    const known =
      lastMessageAgoMs === undefined
        ? ''
        : `; what was said ${secondsText(lastMessageAgoMs)} ago is in force`;
    const why = lastFailure === undefined ? '' : `: ${lastFailure.message}`;
    return printable(
      `control plane: the ${STREAM_TEXTS[kind]} ${subject} ${how} for ${secondsText(ageMs)}${state === 'known' ? known : ''}${why}`,
    );
  });
  const well = streams.length - unwell.length;
  return streams.length === 0
    ? []
    : [...lines, `control plane: ${countText(well, 'question is', 'questions are')} answered.`];
}

export function whyText(json: string, now: Date): string {
  const { failures, matching, remembered, forgotten, lost, streams = [] } = parse(json);
  const lines = failures.flatMap((failure) => failureLines(failure, now));
  if (remembered === 0) {
    lines.push('Nothing has failed.');
  } else if (matching === 0) {
    lines.push(`No failure fits; without filters there ${remembered === 1 ? 'is' : 'are'} ${remembered}.`);
  }
  if (matching > failures.length) {
    lines.push(`${matching - failures.length} more; --limit ${matching} shows them.`);
  }
  if (forgotten > 0) {
    lines.push(`${countText(forgotten, 'older failure is', 'older failures are')} remembered no more.`);
  }
  if (lost > 0)
    lines.push(`${countText(lost, 'failure or log line', 'failures or log lines')} came too fast.`);
  lines.push(...streamLines(streams));
  return `${lines.join('\n')}\n`;
}
