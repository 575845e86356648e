// From routes as a mesh file writes them to RouteConfig: defaults filled in, names resolved. The checks
// have seen to it that services exist and that values fit together.
import { DEFAULT_RETRY, DEFAULT_RETRY_BACKOFF, DEFAULT_RETRY_BUDGET } from './defaults.js';
import type { BackoffInFile } from './mesh-file-endpoints-schema.js';
import { type FilterInFile, type HeadersInFile, PERCENT_DENOMINATOR } from './mesh-file-filters-schema.js';
import type {
  BackendInFile,
  MatchInFile,
  RetryInFile,
  RouteInFile,
  TcpInFile,
} from './mesh-file-routes-schema.js';
import type {
  BackoffConfig,
  DistributionConfig,
  FailFilterConfig,
  HeadersFilterConfig,
  HeaderValueConfig,
  NamedMatchConfig,
  RedirectFilterConfig,
  RequestMatchConfig,
  RetryConfig,
  RouteConfig,
  RouteFilterConfig,
  TcpRouteConfig,
  TextMatchConfig,
} from './route-config.js';

const DEFAULT_REDIRECT_STATUS = 301;

/** The key of the service that a name means. */
export type KeyOf = (name: string) => string;

/** What a route without a name is called, by its place in the list. */
export function defaultRouteName(index: number): string {
  return `route-${String(index)}`;
}

/** Of the kind that is written, else of gRPC when one of its matches is. */
export function routeKind(route: Pick<RouteInFile, 'kind' | 'matches'>): RouteConfig['kind'] {
  return route.kind ?? (route.matches?.some(({ grpc }) => grpc !== undefined) === true ? 'grpc' : 'http');
}

export function buildRoute(route: RouteInFile, index: number, keyOf: KeyOf): RouteConfig {
  const { timeouts = {} } = route;
  return {
    name: route.name ?? defaultRouteName(index),
    kind: routeKind(route),
    hosts: route.hosts ?? [],
    matches: (route.matches ?? []).map(buildMatch),
    distribution: buildDistribution(route, keyOf),
    filters: (route.filters ?? []).map(buildFilter),
    timeouts: {
      requestMs: timeouts.request ?? 0,
      responseMs: timeouts.response ?? 0,
      idleMs: timeouts.idle ?? 0,
    },
    retry: route.retry === undefined ? undefined : buildRetry(route.retry),
    allowRequestOverrides: route.allowRequestOverrides ?? false,
    failureStatuses: route.failureStatuses ?? [],
  };
}

export function buildTcpRoute(tcp: TcpInFile, keyOf: KeyOf): TcpRouteConfig {
  return { distribution: buildDistribution(tcp, keyOf), forbid: tcp.forbid ?? false };
}

export function buildBackoff(backoff: BackoffInFile, defaults: BackoffConfig): BackoffConfig {
  return {
    minMs: backoff.min ?? defaults.minMs,
    maxMs: backoff.max ?? defaults.maxMs,
    jitter: backoff.jitter ?? defaults.jitter,
  };
}

function buildMatch({ path, grpc, method, headers, query }: MatchInFile): RequestMatchConfig {
  return {
    path,
    grpc: grpc === undefined ? undefined : { service: grpc.service ?? '', method: grpc.method ?? '' },
    method: method ?? '',
    headers: namedMatches(headers, (name) => name.toLowerCase()),
    query: namedMatches(query, (name) => name),
  };
}

function namedMatches(
  written: Readonly<Record<string, TextMatchConfig>> | undefined,
  nameOf: (name: string) => string,
): readonly NamedMatchConfig[] {
  return Object.entries(written ?? {}).map(([name, value]) => ({ name: nameOf(name), value }));
}

function buildDistribution(
  written: { backends?: BackendInFile[] | undefined; distribution?: 'random' | 'first' | undefined },
  keyOf: KeyOf,
): DistributionConfig {
  return {
    kind: written.distribution ?? 'random',
    backends: (written.backends ?? []).map(({ service, weight, filters }) => ({
      service: keyOf(service.service),
      port: service.port,
      weight: weight ?? 1,
      filters: (filters ?? []).map(buildFilter),
    })),
  };
}

function buildFilter({ requestHeaders, responseHeaders, redirect, fail }: FilterInFile): RouteFilterConfig {
  if (requestHeaders !== undefined) return buildHeaders('requestHeaders', requestHeaders);
  if (responseHeaders !== undefined) return buildHeaders('responseHeaders', responseHeaders);
  return redirect === undefined ? buildFail(fail ?? {}) : buildRedirect(redirect);
}

function buildRedirect(written: NonNullable<FilterInFile['redirect']>): RedirectFilterConfig {
  const { status, scheme, host, port, path, prefix } = written;
  let replaced: RedirectFilterConfig['path'];
  if (path !== undefined) replaced = { kind: 'whole', text: path };
  else if (prefix !== undefined) replaced = { kind: 'prefix', text: prefix };
  return { kind: 'redirect', status: status ?? DEFAULT_REDIRECT_STATUS, scheme, host, port, path: replaced };
}

function buildHeaders(kind: HeadersFilterConfig['kind'], written: HeadersInFile): HeadersFilterConfig {
  return {
    kind,
    add: headerValues(written.add),
    set: headerValues(written.set),
    remove: written.remove ?? [],
  };
}

function headerValues(written: Readonly<Record<string, string>> | undefined): readonly HeaderValueConfig[] {
  return Object.entries(written ?? {}).map(([name, value]) => ({ name: name.toLowerCase(), value }));
}

function buildFail({
  percent,
  ratio,
  status,
  grpc,
  message,
}: NonNullable<FilterInFile['fail']>): FailFilterConfig {
  const share = ratio ?? {
    numerator: Math.round(((percent ?? 100) * PERCENT_DENOMINATOR) / 100),
    denominator: PERCENT_DENOMINATOR,
  };
  return {
    kind: 'fail',
    ...share,
    answer: grpc === undefined ? { kind: 'http', status: status ?? 0 } : { kind: 'grpc', code: grpc },
    message: message ?? '',
  };
}

function buildRetry(retry: RetryInFile): RetryConfig {
  const { backoff = {}, budget } = retry;
  return {
    limit: retry.limit ?? DEFAULT_RETRY.limit,
    statuses: retry.on ?? [],
    grpcCodes: [...new Set(retry.grpcOn ?? [])],
    timeoutMs: retry.timeout ?? 0,
    maxBodyBytes: retry.maxBody ?? DEFAULT_RETRY.maxBodyBytes,
    backoff: backoff === 'none' ? undefined : buildBackoff(backoff, DEFAULT_RETRY_BACKOFF),
    budget:
      budget === undefined
        ? undefined
        : {
            ratio: budget.ratio ?? DEFAULT_RETRY_BUDGET.ratio,
            minPerSecond: budget.minPerSecond ?? DEFAULT_RETRY_BUDGET.minPerSecond,
            ttlMs: budget.ttl ?? DEFAULT_RETRY_BUDGET.ttlMs,
          },
  };
}
