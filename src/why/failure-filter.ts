// Which failures somebody wants to see. The same words are options of `sluice why` and parameters of
// `/why.json`; every mistake in them is told, each with the name of what it is in.
import { closest } from '../core/closest.js';
import { parseDuration } from '../core/duration.js';
import { canonicalIp, formatHostPort, parseHostPort, splitHostPort } from '../core/ip.js';
import { failure, type Result, success } from '../core/result.js';
import { Reason } from '../dataplane/gen/contract_pb.js';
import { reasonName } from '../dataplane/reason-name.js';
import { type FailureRecord } from './failure-record.js';

export const FILTER_NAMES = ['reason', 'service', 'destination', 'since', 'limit'] as const;
export type FilterName = (typeof FILTER_NAMES)[number];

/** `true`: named without a value. */
export type RawFilter = Readonly<Partial<Record<FilterName, string | true>>>;

export interface FailureFilter {
  readonly reason: string | undefined;
  /** Lower case: `web`, `web:80`. */
  readonly service: string | undefined;
  /** An address, with or without its port. */
  readonly destination: string | undefined;
  /** How long ago at most. */
  readonly sinceMs: number | undefined;
  readonly limit: number;
}

export const REMEMBERED_FAILURES = 1000;
const DEFAULT_LIMIT = 100;

/** Every reason that a failure can have. */
export const REASON_NAMES: readonly string[] = Object.values(Reason)
  .filter((value): value is Reason => typeof value === 'number' && value !== Reason.NONE)
  .map(reasonName);

const EXPECTED: Readonly<Record<FilterName, string>> = {
  reason: 'a reason, such as connect_refused',
  service: 'the name of a service, such as web or web:80',
  destination: 'an IP address, or address:port',
  since: 'a duration, such as 30s or 5m',
  limit: `a whole number from 1 to ${REMEMBERED_FAILURES}`,
};

function parseReason(text: string): string | undefined {
  const name = text.toLowerCase().replaceAll('-', '_');
  return REASON_NAMES.find((reason) => reason === name);
}

function parseDestination(text: string): string | undefined {
  const address = parseHostPort(text);
  return address === undefined ? canonicalIp(text) : formatHostPort(address);
}

function parseLimit(text: string): number | undefined {
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  return limit >= 1 && limit <= REMEMBERED_FAILURES ? limit : undefined;
}

/** `prefix` stands before the names in messages. */
export function parseFilter(raw: RawFilter, prefix = ''): Result<FailureFilter, readonly string[]> {
  const errors: string[] = [];
  const read = <T>(name: FilterName, parse: (text: string) => T | undefined): T | undefined => {
    const text = raw[name];
    if (text === undefined) return undefined;
    if (text === true || text === '') {
      errors.push(`${prefix}${name} needs a value: ${EXPECTED[name]}`);
      return undefined;
    }
    const value = parse(text);
    if (value !== undefined) return value;
    const meant = name === 'reason' ? closest(text, REASON_NAMES) : undefined;
    const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
    errors.push(`${prefix}${name}: "${text}" is not ${EXPECTED[name]}${hint}`);
    return undefined;
  };
  const filter: FailureFilter = {
    reason: read('reason', parseReason),
    service: read('service', (text) => text.toLowerCase()),
    destination: read('destination', parseDestination),
    sinceMs: read('since', parseDuration),
    limit: read('limit', parseLimit) ?? DEFAULT_LIMIT,
  };
  return errors.length === 0 ? success(filter) : failure(errors);
}

function isOfService({ authority, labels }: FailureRecord, service: string): boolean {
  if (labels['service']?.toLowerCase() === service) return true;
  if (authority === undefined) return false;
  const name = authority.toLowerCase();
  return name === service || splitHostPort(name).host === service;
}

function goesTo({ destination }: FailureRecord, wanted: string): boolean {
  if (destination === undefined) return false;
  return destination === wanted || splitHostPort(destination).host === wanted;
}

/** But for the limit. `nowMs` is Unix time. */
export function matches(filter: FailureFilter, record: FailureRecord, nowMs: number): boolean {
  const { reason, service, destination, sinceMs } = filter;
  if (reason !== undefined && record.reason !== reason) return false;
  if (service !== undefined && !isOfService(record, service)) return false;
  if (destination !== undefined && !goesTo(record, destination)) return false;
  return sinceMs === undefined || record.lastMs >= nowMs - sinceMs;
}
