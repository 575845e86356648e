// What is wrong with the routes of a service although every single value is well-formed: backends that
// are no services, things given twice, kinds that do not fit together, values that would do nothing.
import { DEFAULT_CIRCUIT_BREAKER, DEFAULT_RETRY_BACKOFF } from './defaults.js';
import { defaultRouteName } from './mesh-file-routes.js';
import {
  checkBackoff,
  checkRepeats,
  type Complaints,
  entriesOf,
  field,
  isMapping,
  isServiceReference,
  itemsOf,
  type Path,
  serviceNamed,
  type ServicesByName,
  type ServiceView,
} from './mesh-file-tree.js';

export function checkServiceRoutes(
  service: ServiceView,
  services: ServicesByName,
  complaints: Complaints,
): void {
  const path = [...service.path, 'routes'];
  const routes = itemsOf(field(service.value, 'routes'));
  const names = routes.map(([index, route]) => {
    const name = field(route, 'name');
    return typeof name === 'string'
      ? { key: name, path: [...path, index, 'name'] }
      : { key: defaultRouteName(index), path: [...path, index] };
  });
  checkRepeats(names, 'route', complaints);
  for (const [index, route] of routes) checkRoute(service, route, [...path, index], services, complaints);
  const tcp = field(service.value, 'tcp');
  if (tcp !== undefined) checkTcp(service, tcp, [...service.path, 'tcp'], services, complaints);
  checkCircuitBreaker(service, complaints);
}

function checkRoute(
  service: ServiceView,
  route: unknown,
  path: Path,
  services: ServicesByName,
  complaints: Complaints,
): void {
  const hosts = itemsOf(field(route, 'hosts')).flatMap(([index, value]) => {
    const host = field(value, 'host');
    const wildcard = field(value, 'suffix') === true ? '*.' : '';
    return typeof host === 'string' ? [{ key: wildcard + host, path: [...path, 'hosts', index] }] : [];
  });
  checkRepeats(hosts, 'host', complaints);
  const isGrpc = checkMatches(route, path, complaints);
  checkDistribution(service, route, path, services, complaints);
  for (const [filterPath, filter] of filtersOf(route, path)) {
    checkFilter(filter, filterPath, route, isGrpc, complaints);
  }
  const retry = field(route, 'retry');
  if (!isMapping(retry)) return;
  if (field(retry, 'on') === undefined && field(retry, 'grpcOn') === undefined) {
    complaints.report([...path, 'retry'], 'needs on or grpcOn: what to retry after');
  }
  checkBackoff(field(retry, 'backoff'), DEFAULT_RETRY_BACKOFF, [...path, 'retry', 'backoff'], complaints);
}

/** Answers whether the route is one of gRPC. */
function checkMatches(route: unknown, path: Path, complaints: Complaints): boolean {
  const matches = itemsOf(field(route, 'matches'));
  const kind = field(route, 'kind');
  const isGrpc = kind === 'grpc' || matches.some(([, match]) => field(match, 'grpc') !== undefined);
  if (kind === 'http' && isGrpc) {
    complaints.report([...path, 'kind'], 'is http, but a match has grpc');
  }
  for (const [index, match] of matches) {
    const here = [...path, 'matches', index];
    if (isMapping(match) && Object.values(match).every((part) => part === undefined)) {
      complaints.report(here, 'says nothing; a route without matches takes every request');
    }
    if (isGrpc) {
      for (const key of ['path', 'method', 'query']) {
        if (field(match, key) === undefined) continue;
        complaints.report([...here, key], 'is not for gRPC; use grpc, or a route of its own for HTTP');
      }
    }
    checkFieldNames(field(match, 'headers'), [...here, 'headers'], complaints);
  }
  return isGrpc;
}

/** Names of fields are the same in upper and lower case. */
function checkFieldNames(fields: unknown, path: Path, complaints: Complaints): void {
  checkRepeats(
    entriesOf(fields).map(([name]) => ({ key: name.toLowerCase(), path: [...path, name] })),
    'field',
    complaints,
  );
}

function checkDistribution(
  service: ServiceView,
  route: unknown,
  path: Path,
  services: ServicesByName,
  complaints: Complaints,
): void {
  const backends = itemsOf(field(route, 'backends'));
  const references = backends.flatMap(([index, backend]) => {
    const reference = field(backend, 'service');
    if (!isServiceReference(reference)) return [];
    const here = [...path, 'backends', index];
    const named = serviceNamed(reference.service, services, here, complaints);
    if (named === undefined) return [];
    checkBackendPort(service, named, reference.port, here, complaints);
    const port = reference.port === undefined ? '' : `:${String(reference.port)}`;
    return [{ key: `${named.key.toLowerCase()}${port}`, path: here }];
  });
  checkRepeats(references, 'backend', complaints);
  const weights = backends.map(([, backend]) => field(backend, 'weight'));
  if (field(route, 'distribution') === 'first') {
    for (const [index, weight] of weights.entries()) {
      if (weight === undefined) continue;
      complaints.report([...path, 'backends', index, 'weight'], 'is not used with distribution first');
    }
  } else if (weights.length > 0 && weights.every((weight) => weight === 0)) {
    complaints.report([...path, 'backends'], 'has only weights of 0, so that no backend would be chosen');
  }
}

/** Without a port a backend is reached on the port that was connected to, or on its only one. */
function checkBackendPort(
  parent: ServiceView,
  backend: ServiceView,
  asked: number | undefined,
  path: Path,
  complaints: Complaints,
): void {
  const ports = backend.ports().map(({ port }) => port);
  if (ports.length === 0) return;
  const list = ports.join(', ');
  if (asked !== undefined) {
    if (!ports.includes(asked)) {
      complaints.report(path, `has port ${String(asked)}, but service ${backend.key} has ${list}`);
    }
  } else if (ports.length > 1 && !parent.ports().every(({ port }) => ports.includes(port))) {
    complaints.report(path, `needs a port: service ${backend.key} has ${list}`);
  }
}

/** Those of the route and of its backends. */
function filtersOf(route: unknown, path: Path): (readonly [Path, unknown])[] {
  const ofBackends = itemsOf(field(route, 'backends')).flatMap(([index, backend]) =>
    itemsOf(field(backend, 'filters')).map(
      ([at, filter]) => [[...path, 'backends', index, 'filters', at], filter] as const,
    ),
  );
  const own = itemsOf(field(route, 'filters')).map(
    ([index, filter]) => [[...path, 'filters', index], filter] as const,
  );
  return [...own, ...ofBackends];
}

function checkFilter(
  filter: unknown,
  path: Path,
  route: unknown,
  isGrpc: boolean,
  complaints: Complaints,
): void {
  for (const kind of ['requestHeaders', 'responseHeaders']) {
    for (const change of ['add', 'set']) {
      checkFieldNames(field(field(filter, kind), change), [...path, kind, change], complaints);
    }
  }
  const redirect = field(filter, 'redirect');
  if (redirect === undefined) return;
  if (isGrpc) {
    complaints.report([...path, 'redirect'], 'is not for gRPC, whose clients follow no redirects');
  } else if (field(redirect, 'prefix') !== undefined && !everyMatchHasPrefix(route)) {
    complaints.report(
      [...path, 'redirect', 'prefix'],
      'needs a path prefix in every match of the route: that is what it replaces',
    );
  }
}

function everyMatchHasPrefix(route: unknown): boolean {
  const matches = itemsOf(field(route, 'matches'));
  return matches.length > 0 && matches.every(([, match]) => field(field(match, 'path'), 'kind') === 'prefix');
}

function checkTcp(
  service: ServiceView,
  tcp: unknown,
  path: Path,
  services: ServicesByName,
  complaints: Complaints,
): void {
  checkDistribution(service, tcp, path, services, complaints);
  for (const [index, backend] of itemsOf(field(tcp, 'backends'))) {
    if (field(backend, 'filters') === undefined) continue;
    complaints.report([...path, 'backends', index, 'filters'], 'are for requests, not for connections');
  }
  if (field(tcp, 'forbid') === true && field(tcp, 'backends') !== undefined) {
    complaints.report([...path, 'backends'], 'stands beside forbid: true, which refuses every connection');
  }
}

function checkCircuitBreaker(service: ServiceView, complaints: Complaints): void {
  const breaker = field(service.value, 'circuitBreaker');
  const path = [...service.path, 'circuitBreaker'];
  if (field(breaker, 'consecutiveFailures') === 0 && field(breaker, 'successRate') === undefined) {
    complaints.report([...path, 'consecutiveFailures'], 'is 0 without successRate: nothing would break');
  }
  checkBackoff(field(breaker, 'backoff'), DEFAULT_CIRCUIT_BREAKER.backoff, [...path, 'backoff'], complaints);
}
