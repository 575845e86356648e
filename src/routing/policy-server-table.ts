// From the policy of an inbound port to its route table: who is asked to be whom, routes in their order of
// precedence, and one place where all of them lead, the application.
import { type ResourceInfo, resourceText } from '../policy/resource-info.js';
import type {
  ServerAuthorization,
  ServerPolicy,
  ServerProtocol,
  ServerRateLimit,
  ServerRoute,
} from '../policy/server-policy.js';
import type { PolicyIds } from './policy-ids.js';
import type {
  RouteDistribution,
  RouteRule,
  RouteTable,
  TableAuthorization,
  TableRateLimit,
  TcpRoute,
} from './route-table.js';
import { orderRoutes } from './route-table-order.js';

/** `targetId` is the application behind the port. */
export function serverRouteTable(
  policy: ServerPolicy,
  port: number,
  targetId: number,
  ids: PolicyIds,
): RouteTable {
  const { meta, protocol } = policy;
  const authorizations = new AuthorizationTable(ids);
  const distribution: RouteDistribution = {
    kind: 'first',
    backends: [{ id: ids.backend(meta), name: resourceText(meta), targetId, weight: 1, filters: [] }],
  };
  const rules = rulesOf(protocol).map(({ route, rule }) => ({
    hosts: route.hosts,
    matches: rule.matches,
    rule: ruleOf(meta, route, rule, distribution, authorizations.indexesOf(route.authorizations), ids),
  }));
  const tcp = tcpRoute(meta, protocol, distribution, authorizations, ids);
  return {
    service: resourceText(meta),
    port,
    hosts: orderRoutes(rules),
    rules: rules.map(({ rule }) => rule),
    tcp,
    server: {
      id: ids.server(meta),
      name: `${meta.kind}/${meta.name}`,
      authorizations: authorizations.all,
      rateLimit: rateLimitOf(protocol, ids),
    },
  };
}

/** Each authorization once, by its index; without those that no client can meet. */
class AuthorizationTable {
  readonly #ids: PolicyIds;
  readonly #indexes = new Map<string, number>();
  readonly #all: TableAuthorization[] = [];

  constructor(ids: PolicyIds) {
    this.#ids = ids;
  }

  get all(): readonly TableAuthorization[] {
    return this.#all;
  }

  indexesOf(authorizations: readonly ServerAuthorization[]): readonly number[] {
    return authorizations.filter(canBeMet).map((authorization) => {
      const key = JSON.stringify(authorization);
      let index = this.#indexes.get(key);
      if (index === undefined) {
        index = this.#all.length;
        this.#indexes.set(key, index);
        const { meta, ...asked } = authorization;
        this.#all.push({ id: this.#ids.authorization(meta), name: resourceText(meta), ...asked });
      }
      return index;
    });
  }
}

function canBeMet({ authentication }: ServerAuthorization): boolean {
  if (authentication.kind !== 'identity') return true;
  return authentication.identities.length + authentication.suffixes.length > 0;
}

interface RuleOfRoute {
  readonly route: ServerRoute;
  readonly rule: ServerRoute['rules'][number];
}

function rulesOf(protocol: ServerProtocol): readonly RuleOfRoute[] {
  const routes = 'routes' in protocol ? protocol.routes : [];
  return routes.flatMap((route) => route.rules.map((rule) => ({ route, rule })));
}

function ruleOf(
  server: ResourceInfo,
  { meta, kind }: ServerRoute,
  { filters }: ServerRoute['rules'][number],
  distribution: RouteDistribution,
  authorizations: readonly number[],
  ids: PolicyIds,
): RouteRule {
  return {
    ...ids.route(kind, server, meta),
    kind,
    distribution,
    filters,
    timeouts: { requestMs: 0, responseMs: 0, idleMs: 0 },
    retry: undefined,
    allowRequestOverrides: false,
    failureStatuses: [],
    budgetId: 0,
    authorizations,
  };
}

/** Where only HTTP is served nobody is allowed to speak anything else. */
function tcpRoute(
  server: ResourceInfo,
  protocol: ServerProtocol,
  distribution: RouteDistribution,
  authorizations: AuthorizationTable,
  ids: PolicyIds,
): TcpRoute | undefined {
  if (!('connections' in protocol)) return undefined;
  return {
    ...ids.route('tcp', server, server),
    distribution,
    refusal: undefined,
    authorizations: authorizations.indexesOf(protocol.connections),
  };
}

function rateLimitOf(protocol: ServerProtocol, ids: PolicyIds): TableRateLimit | undefined {
  const limit: ServerRateLimit | undefined = 'rateLimit' in protocol ? protocol.rateLimit : undefined;
  if (limit === undefined) return undefined;
  const { meta, ...limits } = limit;
  return { id: ids.rateLimit(meta), ...limits };
}
