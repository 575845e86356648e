// From the routes of a service in the mesh file to the route table of one of its ports. Where the file has
// routes for one kind of traffic only, the other goes to the service itself.
import { backendPort } from '../config/backend-port.js';
import type { ServiceConfig } from '../config/mesh-config.js';
import type { DistributionConfig, RouteConfig } from '../config/route-config.js';
import type { RouteDistribution, RouteRule, RouteTable, RuleSettings, TcpRoute } from './route-table.js';
import type { RouteTableIds } from './route-table-ids.js';
import { type OrderedHost, orderRoutes } from './route-table-order.js';

/** What a table is made from beside the routes themselves. */
export interface CompileNeeds {
  readonly ids: RouteTableIds;
  /** Ports of a service; empty when there is no such service. */
  portsOf(service: string): readonly number[];
  /** 0 when the service has no such port. */
  targetOf(service: string, port: number): number;
}

/** Whether the file says more of the service than where its endpoints are. */
export function hasRoutes({ routes, tcp }: ServiceConfig): boolean {
  return routes.length > 0 || tcp !== undefined;
}

export function compileRouteTable(service: ServiceConfig, port: number, needs: CompileNeeds): RouteTable {
  const { name, routes } = service;
  const compiled =
    routes.length === 0
      ? { hosts: [ANY_REQUEST], rules: [defaultRule(name, port, needs)] }
      : { hosts: orderRoutes(routes), rules: routes.map((route) => rule(name, port, route, needs)) };
  return { service: name, port, ...compiled, tcp: tcpRoute(service, port, needs) };
}

const ANY_REQUEST: OrderedHost = { host: '', suffix: false, entries: [{ match: undefined, rule: 0 }] };
const ITSELF: DistributionConfig = { kind: 'random', backends: [] };
const NOTHING_SET: RuleSettings = {
  filters: [],
  timeouts: { requestMs: 0, responseMs: 0, idleMs: 0 },
  retry: undefined,
  allowRequestOverrides: false,
  failureStatuses: [],
};

function rule(service: string, port: number, route: RouteConfig, needs: CompileNeeds): RouteRule {
  const { kind, filters, timeouts, retry, allowRequestOverrides, failureStatuses } = route;
  return {
    ...needs.ids.route(service, port, kind, route.name),
    kind,
    distribution: distribution(service, port, route.distribution, needs),
    filters,
    timeouts,
    retry,
    allowRequestOverrides,
    failureStatuses,
    budgetId: needs.ids.budget(service, route.name),
  };
}

function defaultRule(service: string, port: number, needs: CompileNeeds): RouteRule {
  return {
    ...needs.ids.defaultRoute(service, port, 'http'),
    kind: 'http',
    distribution: distribution(service, port, ITSELF, needs),
    ...NOTHING_SET,
    budgetId: 0,
  };
}

function tcpRoute({ name, tcp }: ServiceConfig, port: number, needs: CompileNeeds): TcpRoute {
  const named =
    tcp === undefined ? needs.ids.defaultRoute(name, port, 'tcp') : needs.ids.route(name, port, 'tcp', 'tcp');
  return {
    ...named,
    distribution: distribution(name, port, tcp?.distribution ?? ITSELF, needs),
    refusal: tcp?.forbid === true ? 'forbidden' : undefined,
  };
}

function distribution(
  service: string,
  port: number,
  { kind, backends }: DistributionConfig,
  needs: CompileNeeds,
): RouteDistribution {
  const all = backends.length > 0 ? backends : [{ service, port, weight: 1, filters: [] }];
  return {
    kind,
    backends: all.map((backend) => {
      const at = backendPort(backend, needs.portsOf(backend.service), port);
      return {
        id: needs.ids.backend(backend.service, at),
        name: `${backend.service}:${String(at)}`,
        targetId: needs.targetOf(backend.service, at),
        weight: backend.weight,
        filters: backend.filters,
      };
    }),
  };
}
