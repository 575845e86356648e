// From the message OutboundPolicy to the model of a policy for outbound traffic. Whatever the reference
// requires is checked (behaviour §4.4, wire API §3 outbound, §4); one mistake anywhere makes the whole policy
// the one that refuses everything.
import type {
  FailureAccrual,
  GrpcRoute,
  HttpRoute,
  OpaqueRoute,
  OutboundPolicy,
  ProxyProtocol,
  ProxyProtocol_Detect,
  TlsRoute,
} from '../api/gen/outbound_pb.js';
import type { RequestMatchConfig } from '../config/route-config.js';
import { deepFreeze } from '../core/freeze.js';
import type {
  ClientPolicy,
  ClientProtocol,
  ConnectionRoute,
  HttpPolicy,
  PolicyRoute,
  PolicyRule,
  TlsConnectionRoute,
} from './client-policy.js';
import { readDistribution } from './read-backends.js';
import { readFailureAccrual } from './read-failure-accrual.js';
import { readConnectionFilters, readFilters } from './read-filters.js';
import { readGrpcMatch, readHosts, readHttpMatch } from './read-matches.js';
import { readMetadata } from './read-metadata.js';
import { readGrpcRetry, readHttpRetry, readTimeouts } from './read-retry.js';
import { Reading } from './reading.js';
import { refusingClientPolicy } from './synthesized-policy.js';

/** A message with a mistake gives the policy that refuses everything, with the reason. */
export function clientPolicy(message: OutboundPolicy): ClientPolicy {
  const reading = new Reading();
  const meta = readMetadata(reading, 'metadata', message.metadata);
  const protocol = readProtocol(reading, message.protocol);
  if (reading.mistake !== undefined || protocol === undefined) return refusingClientPolicy(reading);
  return deepFreeze({ meta, protocol, misconfiguration: undefined, notes: reading.notes });
}

function readProtocol(reading: Reading, message: ProxyProtocol | undefined): ClientProtocol | undefined {
  const kind = message?.kind;
  switch (kind?.case) {
    case 'detect':
      return readDetect(reading, 'protocol.detect', kind.value);
    case 'http1':
    case 'http2':
      return { kind: kind.case, http: readHttpPolicy(reading, `protocol.${kind.case}`, kind.value) };
    case 'grpc': {
      const { routes, failureAccrual } = kind.value;
      return {
        kind: 'grpc',
        http: {
          routes: routes.flatMap(
            (route, index) => readGrpcRoute(reading, `protocol.grpc.routes[${String(index)}]`, route) ?? [],
          ),
          failureAccrual: readFailureAccrual(reading, 'protocol.grpc.failure_accrual', failureAccrual),
        },
      };
    }
    case 'opaque':
      return { kind: 'opaque', opaque: readOpaque(reading, 'protocol.opaque.routes', kind.value.routes) };
    case 'tls': {
      const routes = kind.value.routes.flatMap(
        (route, index) => readTlsRoute(reading, `protocol.tls.routes[${String(index)}]`, route) ?? [],
      );
      return { kind: 'tls', routes };
    }
    case undefined:
      reading.fail('protocol', 'is missing');
      return undefined;
  }
}

/** How long it may take is the proxy's own setting (reference §4.2). */
function readDetect(reading: Reading, path: string, message: ProxyProtocol_Detect): ClientProtocol {
  reading.requiredDuration(`${path}.timeout`, message.timeout);
  for (const field of ['http1', 'http2', 'opaque'] as const) {
    if (message[field] === undefined) reading.fail(`${path}.${field}`, 'is missing');
  }
  return {
    kind: 'detect',
    http1: readHttpPolicy(reading, `${path}.http1`, message.http1),
    http2: readHttpPolicy(reading, `${path}.http2`, message.http2),
    opaque: readOpaque(reading, `${path}.opaque.routes`, message.opaque?.routes ?? []),
  };
}

interface HttpPolicyMessage {
  readonly routes: readonly HttpRoute[];
  readonly failureAccrual?: FailureAccrual | undefined;
}

function readHttpPolicy(
  reading: Reading,
  path: string,
  { routes, failureAccrual }: HttpPolicyMessage = { routes: [] },
): HttpPolicy {
  return {
    routes: routes.flatMap(
      (route, index) => readHttpRoute(reading, `${path}.routes[${String(index)}]`, route) ?? [],
    ),
    failureAccrual: readFailureAccrual(reading, `${path}.failure_accrual`, failureAccrual),
  };
}

function readHttpRoute(reading: Reading, path: string, route: HttpRoute): PolicyRoute | undefined {
  return readRoute(reading, path, route, {
    kind: 'http',
    readMatch: readHttpMatch,
    readRetry: readHttpRetry,
  });
}

function readGrpcRoute(reading: Reading, path: string, route: GrpcRoute): PolicyRoute | undefined {
  return readRoute(reading, path, route, {
    kind: 'grpc',
    readMatch: readGrpcMatch,
    readRetry: readGrpcRetry,
  });
}

type RouteMessage = HttpRoute | GrpcRoute;
type RuleMessage<Route extends RouteMessage> = Route['rules'][number];

/** What the two kinds of route differ in. */
interface RouteKindReading<Route extends RouteMessage> {
  readonly kind: PolicyRoute['kind'];
  readonly readMatch: (
    reading: Reading,
    path: string,
    match: RuleMessage<Route>['matches'][number],
  ) => RequestMatchConfig;
  readonly readRetry: (
    reading: Reading,
    path: string,
    retry: RuleMessage<Route>['retry'],
  ) => PolicyRule['retry'];
}

/** Undefined when no request can have one of its hosts. */
function readRoute<Route extends RouteMessage>(
  reading: Reading,
  path: string,
  route: Route,
  { kind, readMatch, readRetry }: RouteKindReading<Route>,
): PolicyRoute | undefined {
  const meta = readMetadata(reading, `${path}.metadata`, route.metadata);
  const hosts = readHosts(reading, `${path}.hosts`, route.hosts);
  const rules = route.rules.map((rule: RuleMessage<Route>, index): PolicyRule => {
    const at = `${path}.rules[${String(index)}]`;
    return {
      matches: rule.matches.map((match, number) =>
        readMatch(reading, `${at}.matches[${String(number)}]`, match),
      ),
      filters: readFilters(reading, `${at}.filters`, rule.filters),
      distribution: readDistribution(reading, `${at}.backends`, rule.backends, readFilters),
      timeouts: readTimeouts(reading, at, rule),
      retry: readRetry(reading, `${at}.retry`, rule.retry),
      allowRequestOverrides: rule.allowL5dRequestHeaders,
    };
  });
  return hosts === undefined ? undefined : { meta, kind, hosts, rules };
}

function readOpaque(
  reading: Reading,
  path: string,
  routes: readonly OpaqueRoute[],
): ConnectionRoute | undefined {
  if (routes.length > 1) reading.fail(path, 'has more than one route');
  const [route] = routes;
  return route === undefined ? undefined : readConnectionRoute(reading, `${path}[0]`, route);
}

function readTlsRoute(reading: Reading, path: string, route: TlsRoute): TlsConnectionRoute | undefined {
  const hosts = readHosts(reading, `${path}.snis`, route.snis);
  const read = readConnectionRoute(reading, path, route);
  return hosts === undefined ? undefined : { ...read, hosts };
}

function readConnectionRoute(
  reading: Reading,
  path: string,
  { metadata, rules }: OpaqueRoute | TlsRoute,
): ConnectionRoute {
  if (rules.length !== 1) reading.fail(`${path}.rules`, 'is not exactly one');
  const [rule] = rules;
  const at = `${path}.rules[0]`;
  return {
    meta: readMetadata(reading, `${path}.metadata`, metadata),
    filters: readConnectionFilters(reading, `${at}.filters`, rule?.filters ?? []),
    distribution: readDistribution(reading, `${at}.backends`, rule?.backends, readConnectionFilters),
  };
}
