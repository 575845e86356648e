// From the message Server to the model of a policy for an inbound port. Whatever the reference requires is
// checked (behaviour §3.2, wire API §3 inbound, §4); one mistake anywhere makes the whole policy the one that
// refuses everything.
import type {
  GrpcRoute,
  HttpLocalRateLimit,
  HttpRoute,
  ProxyProtocol,
  Server,
} from '../api/gen/inbound_pb.js';
import { DEFAULT_TIMEOUTS } from '../config/defaults.js';
import type { RequestMatchConfig } from '../config/route-config.js';
import { deepFreeze } from '../core/freeze.js';
import { readAuthorizations, readRateLimit } from './read-authorizations.js';
import { readFilters } from './read-filters.js';
import { readGrpcMatch, readHosts, readHttpMatch } from './read-matches.js';
import { readInboundMetadata, readLabels } from './read-metadata.js';
import { Reading } from './reading.js';
import { builtIn } from './resource-info.js';
import type {
  ServerAuthorization,
  ServerPolicy,
  ServerProtocol,
  ServerRateLimit,
  ServerRoute,
} from './server-policy.js';

/** Whatever a controller says, the workload itself may talk to its ports. */
const LOCALHOST: ServerAuthorization = deepFreeze({
  meta: builtIn('localhost'),
  networks: [
    { network: { ip: '127.0.0.1', prefixLength: 32 }, except: [] },
    { network: { ip: '::1', prefixLength: 128 }, except: [] },
  ],
  authentication: { kind: 'anyone' },
  audit: false,
});

/** A message with a mistake gives the policy that refuses everything, with the reason. */
export function serverPolicy(message: Server): ServerPolicy {
  const reading = new Reading();
  const meta = readLabels(reading, 'labels', message.labels, 'server');
  const authorizations = [
    ...readAuthorizations(reading, 'authorizations', message.authorizations),
    LOCALHOST,
  ];
  const protocol = readProtocol(reading, message.protocol, authorizations);
  if (reading.mistake !== undefined || protocol === undefined) return refusingServerPolicy(reading);
  return deepFreeze({ meta, protocol, misconfiguration: undefined, notes: reading.notes });
}

/** A route that takes every request. */
export function defaultServerRoute(authorizations: readonly ServerAuthorization[]): ServerRoute {
  return {
    meta: builtIn('default'),
    kind: 'http',
    hosts: [],
    authorizations,
    rules: [{ matches: [], filters: [] }],
  };
}

function refusingServerPolicy({ mistake: reason = '', notes }: Reading): ServerPolicy {
  const meta = builtIn('invalid');
  const rule = { matches: [], filters: [{ kind: 'invalid', message: reason } as const] };
  return deepFreeze<ServerPolicy>({
    meta,
    protocol: {
      kind: 'detect',
      timeoutMs: DEFAULT_TIMEOUTS.detectMs,
      routes: [{ meta, kind: 'http', hosts: [], authorizations: [], rules: [rule] }],
      rateLimit: undefined,
      connections: [],
    },
    misconfiguration: reason,
    notes,
  });
}

function readProtocol(
  reading: Reading,
  message: ProxyProtocol | undefined,
  authorizations: readonly ServerAuthorization[],
): ServerProtocol | undefined {
  const kind = message?.kind;
  switch (kind?.case) {
    case 'detect': {
      const { timeout, httpRoutes, httpLocalRateLimit } = kind.value;
      const path = 'protocol.detect';
      return {
        kind: 'detect',
        timeoutMs: reading.requiredDuration(`${path}.timeout`, timeout),
        routes: readHttpRoutes(reading, `${path}.http_routes`, httpRoutes, authorizations),
        rateLimit: readRateLimit(reading, `${path}.http_local_rate_limit`, httpLocalRateLimit),
        connections: authorizations,
      };
    }
    case 'http1':
    case 'http2':
      return { kind: kind.case, ...readHttp(reading, `protocol.${kind.case}`, kind.value, authorizations) };
    case 'grpc':
      return {
        kind: 'grpc',
        routes: readRoutes(reading, 'protocol.grpc.routes', kind.value.routes, authorizations, readGrpcRoute),
      };
    case 'opaque':
    case 'tls':
      return { kind: kind.case, connections: authorizations };
    case undefined:
      reading.fail('protocol', 'is missing');
      return undefined;
  }
}

function readHttp(
  reading: Reading,
  path: string,
  message: {
    readonly routes: readonly HttpRoute[];
    readonly localRateLimit?: HttpLocalRateLimit | undefined;
  },
  authorizations: readonly ServerAuthorization[],
): { readonly routes: readonly ServerRoute[]; readonly rateLimit: ServerRateLimit | undefined } {
  return {
    routes: readHttpRoutes(reading, `${path}.routes`, message.routes, authorizations),
    rateLimit: readRateLimit(reading, `${path}.local_rate_limit`, message.localRateLimit),
  };
}

function readHttpRoutes(
  reading: Reading,
  path: string,
  routes: readonly HttpRoute[],
  authorizations: readonly ServerAuthorization[],
): readonly ServerRoute[] {
  return readRoutes(reading, path, routes, authorizations, readHttpRoute);
}

/** What routes of HTTP and of gRPC differ in. */
type RouteRules = Pick<ServerRoute, 'kind' | 'rules'>;

/** No routes at all are one for every request. The server's authorizations come after those of each route. */
function readRoutes<Route extends HttpRoute | GrpcRoute>(
  reading: Reading,
  path: string,
  routes: readonly Route[],
  authorizations: readonly ServerAuthorization[],
  readKind: (reading: Reading, path: string, route: Route) => RouteRules,
): readonly ServerRoute[] {
  if (routes.length === 0) return [defaultServerRoute(authorizations)];
  return routes.flatMap((route, index) => {
    const at = `${path}[${String(index)}]`;
    const meta = readInboundMetadata(reading, `${at}.metadata`, route.metadata);
    const hosts = readHosts(reading, `${at}.hosts`, route.hosts);
    const own = readAuthorizations(reading, `${at}.authorizations`, route.authorizations);
    const kind = readKind(reading, at, route);
    return hosts === undefined ? [] : { meta, ...kind, hosts, authorizations: [...own, ...authorizations] };
  });
}

function readHttpRoute(reading: Reading, path: string, { rules }: HttpRoute): RouteRules {
  return { kind: 'http', rules: readRules(reading, path, rules, readHttpMatch) };
}

function readGrpcRoute(reading: Reading, path: string, { rules }: GrpcRoute): RouteRules {
  return { kind: 'grpc', rules: readRules(reading, path, rules, readGrpcMatch) };
}

type RuleFilters = HttpRoute['rules'][number]['filters'] | GrpcRoute['rules'][number]['filters'];

function readRules<Match>(
  reading: Reading,
  path: string,
  rules: readonly { readonly matches: readonly Match[]; readonly filters: RuleFilters }[],
  readMatch: (reading: Reading, path: string, match: Match) => RequestMatchConfig,
): RouteRules['rules'] {
  return rules.map(({ matches, filters }, index) => {
    const at = `${path}.rules[${String(index)}]`;
    return {
      matches: matches.map((match, number) => readMatch(reading, `${at}.matches[${String(number)}]`, match)),
      filters: readFilters(reading, `${at}.filters`, filters),
    };
  });
}
