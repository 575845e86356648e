// From the plan for an address to the route table of its connections: routes in their order of precedence,
// backends as targets. What a policy says of HTTP/1 and of HTTP/2 may differ; then each rule is for one of
// them.
import { ANY_REQUEST, type RouteFilterConfig } from '../config/route-config.js';
import type {
  ConnectionFilter,
  ConnectionRoute,
  HttpPolicy,
  PolicyBackend,
  PolicyDistribution,
  PolicyRule,
} from '../policy/client-policy.js';
import type { PlannedConnections, PlannedHttp, ServedPlan } from '../policy/outbound-plan.js';
import { type ResourceInfo, resourceText } from '../policy/resource-info.js';
import { profileConnections, profileRules } from './policy-profile-table.js';
import type { BackendUse, PolicyTableNeeds } from './policy-table-needs.js';
import type { RouteDistribution, RouteRule, RouteTable, TcpRoute, TlsHost } from './route-table.js';
import { type OrderedHost, orderRoutes, type RoutedRule } from './route-table-order.js';

export type { BackendUse, PolicyTableNeeds, ServedPlan };

/** `port` is that of the original destination. */
export function planRouteTable(plan: ServedPlan, port: number, needs: PolicyTableNeeds): RouteTable {
  const { meta, http, connections, tls } = plan;
  return {
    service: resourceText({ ...meta, port: '' }),
    port,
    ...httpRules(meta, http, needs),
    tcp: tcpRoute(meta, connections, needs),
    ...(plan.protocol === 'tls' ? { tls: tlsHosts(plan, tls, needs) } : {}),
  };
}

function httpRules(
  parent: ResourceInfo,
  http: PlannedHttp,
  needs: PolicyTableNeeds,
): Pick<RouteTable, 'hosts' | 'rules'> {
  if (http.kind === 'profile') return profileRules(http, needs);
  const { http1, http2 } = http;
  const both = http1 === http2 || JSON.stringify(http1) === JSON.stringify(http2);
  const rules = both
    ? compiledRules(parent, http1, undefined, needs)
    : [...compiledRules(parent, http1, 1, needs), ...compiledRules(parent, http2, 2, needs)];
  return { hosts: hostsOf(rules), rules: rules.map(({ rule }) => rule) };
}

interface CompiledRule extends RoutedRule {
  readonly rule: RouteRule;
}

function hostsOf(rules: readonly CompiledRule[]): readonly OrderedHost[] {
  return orderRoutes(rules);
}

/** `version`: of HTTP, when they are for one only. */
function compiledRules(
  parent: ResourceInfo,
  { routes, failureAccrual }: HttpPolicy,
  version: 1 | 2 | undefined,
  needs: PolicyTableNeeds,
): readonly CompiledRule[] {
  const targetOf = (backend: PolicyBackend): number =>
    needs.targetOf({ backend, traffic: 'http', failureAccrual });
  return routes.flatMap(({ meta, kind, hosts, rules }) => {
    const named = needs.ids.route(kind, parent, meta);
    return rules.map((rule) => ({
      hosts,
      matches: version === undefined ? rule.matches : matchesOf(rule, version),
      rule: {
        ...named,
        kind,
        distribution: distributionOf(rule.distribution, targetOf, needs),
        filters: rule.filters,
        timeouts: rule.timeouts,
        retry: rule.retry,
        allowRequestOverrides: rule.allowRequestOverrides,
        failureStatuses: [],
        budgetId: 0,
      },
    }));
  });
}

function matchesOf({ matches }: PolicyRule, version: 1 | 2): PolicyRule['matches'] {
  return (matches.length === 0 ? [ANY_REQUEST] : matches).map((match) => ({ ...match, version }));
}

function distributionOf(
  { kind, backends }: PolicyDistribution<RouteFilterConfig>,
  targetOf: (backend: PolicyBackend) => number,
  { ids }: PolicyTableNeeds,
): RouteDistribution {
  return {
    kind,
    backends: backends.map(({ backend, weight, filters }) => ({
      id: ids.backend(backend.meta),
      name: resourceText(backend.meta),
      targetId: backend.dispatcher.kind === 'fail' ? 0 : targetOf(backend),
      weight,
      filters,
    })),
  };
}

function tcpRoute(
  parent: ResourceInfo,
  connections: PlannedConnections,
  needs: PolicyTableNeeds,
): TcpRoute | undefined {
  if (connections.kind === 'profile') return profileConnections(connections, needs);
  return connections.route && connectionRoute('tcp', parent, connections.route, needs);
}

/** The first of equal names counts. */
function tlsHosts(
  { meta: parent }: ServedPlan,
  routes: ServedPlan['tls'],
  needs: PolicyTableNeeds,
): readonly TlsHost[] {
  const hosts = new Map<string, TlsHost>();
  for (const { hosts: names, ...connection } of routes) {
    const route = connectionRoute('tls', parent, connection, needs);
    for (const host of names.length === 0 ? [{ host: '', suffix: false }] : names) {
      const key = `${host.suffix ? '*.' : ''}${host.host}`;
      if (!hosts.has(key)) hosts.set(key, { ...host, route });
    }
  }
  return [...hosts.values()];
}

/** A backend with a filter leads nowhere: both kinds of filters refuse. */
function connectionRoute(
  kind: 'tcp' | 'tls',
  parent: ResourceInfo,
  { meta, filters, distribution }: ConnectionRoute,
  needs: PolicyTableNeeds,
): TcpRoute {
  const targetOf = (backend: PolicyBackend): number =>
    needs.targetOf({ backend, traffic: 'connections', failureAccrual: undefined });
  const refused = new Set(
    distribution.backends.filter((backend) => backend.filters.length > 0).map(({ backend }) => backend),
  );
  const unfiltered: PolicyDistribution<never> = {
    kind: distribution.kind,
    backends: distribution.backends.map((backend) => ({ ...backend, filters: [] })),
  };
  return {
    ...needs.ids.route(kind, parent, meta),
    distribution: distributionOf(
      unfiltered,
      (backend) => (refused.has(backend) ? 0 : targetOf(backend)),
      needs,
    ),
    refusal: refusalOf(filters),
  };
}

/** Of several filters only the first is asked (reference, behaviour §4.6). */
function refusalOf([first]: readonly ConnectionFilter[]): TcpRoute['refusal'] {
  return first?.kind;
}
