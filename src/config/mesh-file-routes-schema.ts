// The shape of `routes` and `tcp` of a service, key by key. Relations of several values and names of
// other services are in mesh-file-routes-checks.ts, defaults in mesh-file-routes.ts.
import * as v from 'valibot';

import { canonicalIp, parsePort, splitHostPort } from '../core/ip.js';
import { parseHostName } from './host-name.js';
import { isToken, meantMethod, parseGrpcCode, parseStatusRange } from './http-words.js';
import { backoff, type BackoffInFile } from './mesh-file-endpoints-schema.js';
import { filters } from './mesh-file-filters-schema.js';
import {
  byKind,
  duration,
  flag,
  list,
  mapping,
  mustBe,
  section,
  show,
  textOf,
  wholeNumber,
} from './mesh-file-values.js';
import { regularExpressionError } from './regular-expression.js';
import type { HostMatchConfig, PathMatchConfig, StatusRangeConfig, TextMatchConfig } from './route-config.js';

const LARGEST_WEIGHT = 1_000_000;
const LARGEST_BODY_BYTES = 64 * 1024 * 1024;
const ROUTE_NAME = /^[a-zA-Z0-9](?:[a-zA-Z0-9._-]{0,251}[a-zA-Z0-9])?$/;

export interface ServiceReference {
  readonly service: string;
  readonly port: number | undefined;
}

const regularExpression = v.pipe(
  v.string(mustBe('a regular expression')),
  v.check(
    (pattern) => regularExpressionError(pattern) === undefined,
    (issue) => `is no regular expression of RE2: ${regularExpressionError(issue.input) ?? ''}`,
  ),
);

/** Text alone is meant exactly. */
const textMatch = byKind<TextMatchConfig>((input) =>
  typeof input === 'object' && input !== null
    ? v.pipe(
        section({ regex: regularExpression }),
        v.transform(({ regex }) => ({ kind: 'regex' as const, text: regex })),
      )
    : v.pipe(
        v.string((issue) => `must be text or { regex: … }, but is ${show(issue.input)}; put it in quotes`),
        v.transform((text) => ({ kind: 'exact' as const, text })),
      ),
);

const path = textOf('a path that begins with / and has no query, such as /api', (text) =>
  /^\/[\x21-\x7e]*$/.test(text) && !/[?#]/.test(text) ? text : undefined,
);

interface PathInFile {
  exact?: string | undefined;
  prefix?: string | undefined;
  regex?: string | undefined;
}

/** A path alone is a prefix. */
const pathMatch = byKind<PathMatchConfig>((input) =>
  typeof input === 'object' && input !== null
    ? v.pipe(
        section({
          exact: v.optional(path),
          prefix: v.optional(path),
          regex: v.optional(regularExpression),
        }),
        v.check(
          (written: PathInFile) => Object.values(written).filter((text) => text !== undefined).length === 1,
          'needs exactly one of exact, prefix and regex',
        ),
        v.transform((written: PathInFile): PathMatchConfig => {
          if (written.exact !== undefined) return { kind: 'exact', text: written.exact };
          if (written.prefix !== undefined) return { kind: 'prefix', text: written.prefix };
          return { kind: 'regex', text: written.regex ?? '' };
        }),
      )
    : v.pipe(
        path,
        v.transform((text) => ({ kind: 'prefix' as const, text })),
      ),
);

const method = v.pipe(
  v.string(mustBe('a method such as GET')),
  v.check(isToken, mustBe('a method such as GET')),
  v.check(
    (text) => meantMethod(text) === undefined,
    (issue) =>
      `is ${show(issue.input)}, and methods are case-sensitive; did you mean ${meantMethod(issue.input) ?? ''}?`,
  ),
);

function namedMatches(
  isName: (name: string) => boolean,
  what: string,
): v.GenericSchema<unknown, Record<string, TextMatchConfig>> {
  return v.pipe(
    mapping('a mapping of names to text or { regex: … }'),
    v.record(v.pipe(v.string(), v.check(isName, `is not ${what}`)), textMatch),
  );
}

function grpcName(what: string, pattern: RegExp): v.GenericSchema<unknown, string> {
  return textOf(what, (text) => (pattern.test(text) ? text : undefined));
}

const grpcMatch = section({
  service: v.optional(grpcName('the full name of a gRPC service such as shop.Cart', /^[A-Za-z_][\w.]*$/)),
  method: v.optional(grpcName('the name of a gRPC method such as GetItem', /^[A-Za-z_]\w*$/)),
});

const matchSection = section({
  path: v.optional(pathMatch),
  grpc: v.optional(grpcMatch),
  method: v.optional(method),
  headers: v.optional(namedMatches(isToken, 'the name of a header field')),
  query: v.optional(namedMatches((name) => name !== '', 'the name of a query parameter')),
});

export type MatchInFile = v.InferOutput<typeof matchSection>;

/** A path alone is a prefix. */
const match = byKind<MatchInFile>((input) =>
  typeof input === 'string'
    ? v.pipe(
        pathMatch,
        v.transform((written) => ({ path: written })),
      )
    : matchSection,
);

const host = textOf<HostMatchConfig>('a host name, or *.NAME for all names below it', (text) => {
  const suffix = text.startsWith('*.');
  const name = parseHostName(suffix ? text.slice(2) : text);
  if (name !== undefined) return { host: name, suffix };
  const ip = suffix ? undefined : canonicalIp(text);
  return ip === undefined || ip.includes(':') ? undefined : { host: ip, suffix: false };
});

/** `web`, `web:80`. */
const serviceReference = textOf<ServiceReference>('a service such as web or web:80', (text) => {
  const { host: name, port: portText } = splitHostPort(text);
  const service = parseHostName(name);
  const port = portText === undefined ? undefined : parsePort(portText);
  if (service === undefined || port === 0 || (portText !== undefined && port === undefined)) return undefined;
  return { service, port };
});

const backendSection = section({
  service: serviceReference,
  // Default 1; 0: never drawn.
  weight: v.optional(wholeNumber(0, LARGEST_WEIGHT)),
  // After those of the route.
  filters: v.optional(filters),
});

export type BackendInFile = v.InferOutput<typeof backendSection>;

const backend = byKind<BackendInFile>((input) =>
  typeof input === 'string'
    ? v.pipe(
        serviceReference,
        v.transform((service) => ({ service })),
      )
    : backendSection,
);

const backends = v.pipe(list(backend), v.minLength(1, 'needs at least one backend'));
const distribution = v.picklist(['random', 'first'], mustBe('random or first'));

const statusText = textOf('a status, a range such as 500-504, 5xx or gateway-error', parseStatusRange);
const status = byKind<StatusRangeConfig>((input) =>
  typeof input === 'number'
    ? v.pipe(
        wholeNumber(100, 599),
        v.transform((code) => ({ first: code, last: code })),
      )
    : statusText,
);
const statuses = v.pipe(list(status), v.minLength(1, 'needs at least one status'));

/** Those after which the same request may well succeed (reference §4.9). */
const RETRYABLE_GRPC_CODES: ReadonlySet<number> = new Set([1, 4, 8, 13, 14]);
const retryableGrpcCode = textOf(
  'cancelled, deadline-exceeded, resource-exhausted, internal or unavailable',
  (text) => {
    const code = parseGrpcCode(text);
    return code !== undefined && RETRYABLE_GRPC_CODES.has(code) ? code : undefined;
  },
);

const BYTE_UNITS: Readonly<Record<string, number>> = { '': 1, KiB: 1024, MiB: 1024 * 1024 };
const byteCount = byKind<number>((input) =>
  typeof input === 'number'
    ? wholeNumber(0, LARGEST_BODY_BYTES)
    : textOf('a number of bytes of at most 64MiB, such as 4096, 64KiB or 1MiB', (text) => {
        const [, count, unit] = /^(\d{1,9})(|KiB|MiB)$/.exec(text) ?? [];
        const bytes = Number(count) * (BYTE_UNITS[unit ?? ''] ?? NaN);
        return bytes <= LARGEST_BODY_BYTES ? bytes : undefined;
      }),
);

const budget = section({
  ratio: v.optional(
    v.pipe(
      v.number(mustBe('a number from 0 to 1000')),
      v.check((value) => value >= 0 && value <= 1000, mustBe('a number from 0 to 1000')),
    ),
  ),
  minPerSecond: v.optional(wholeNumber(0, 1_000_000)),
  ttl: v.optional(
    v.pipe(
      duration(1),
      v.check((ms) => ms >= 1000 && ms <= 60_000, 'must be from 1s to 1m'),
    ),
  ),
});

const retry = section({
  limit: v.optional(wholeNumber(1, 100)),
  on: v.optional(statuses),
  grpcOn: v.optional(v.pipe(list(retryableGrpcCode), v.minLength(1, 'needs at least one code'))),
  timeout: v.optional(duration(1)),
  maxBody: v.optional(byteCount),
  backoff: v.optional(
    byKind<BackoffInFile | 'none'>((input) => (input === 'none' ? v.literal('none') : backoff)),
  ),
  budget: v.optional(budget),
});

const route = section({
  name: v.optional(
    textOf('a name of letters, digits, dots, dashes and underscores', (text) =>
      ROUTE_NAME.test(text) ? text : undefined,
    ),
  ),
  // Default: grpc when a match has grpc.
  kind: v.optional(v.picklist(['http', 'grpc'], mustBe('http or grpc'))),
  hosts: v.optional(v.pipe(list(host), v.minLength(1, 'needs at least one host'))),
  matches: v.optional(v.pipe(list(match), v.minLength(1, 'needs at least one match'))),
  backends: v.optional(backends),
  distribution: v.optional(distribution),
  filters: v.optional(filters),
  timeouts: v.optional(
    section({
      request: v.optional(duration(1)),
      response: v.optional(duration(1)),
      idle: v.optional(duration(1)),
    }),
  ),
  retry: v.optional(retry),
  allowRequestOverrides: v.optional(flag),
  failureStatuses: v.optional(statuses),
});

export const routes = v.pipe(list(route), v.minLength(1, 'needs at least one route'));

export const tcp = section({
  backends: v.optional(backends),
  distribution: v.optional(distribution),
  forbid: v.optional(flag),
});

export type RouteInFile = v.InferOutput<typeof route>;
export type RetryInFile = v.InferOutput<typeof retry>;
export type TcpInFile = v.InferOutput<typeof tcp>;
