// What a mesh file says and the API has no words for: proxies of the controller do without it, and the
// operator is told so. docs/controller.md has the list with reasons.
import type { MeshConfig, ServiceConfig } from '../config/mesh-config.js';
import type { RouteConfig, RouteFilterConfig } from '../config/route-config.js';
import { isTellable } from './answers-filters.js';
import { isTaughtAsGrpc } from './answers-outbound.js';

export interface LeftOut {
  /** Such as `services.web.routes[0].retry.budget`. */
  readonly path: string;
  readonly why: string;
}

export function leftOut(config: MeshConfig): readonly LeftOut[] {
  const backends = new Set(config.services.flatMap((service) => backendsOf(service)));
  return [
    ...(config.timeouts.responseMs === 0
      ? []
      : [{ path: 'timeouts.response', why: 'routes have time-outs of whole responses only' }]),
    ...config.services.flatMap((service) => [
      ...ofService(service, backends.has(service.name)),
      ...service.routes.flatMap((route, index) => ofRoute(service, route, index)),
    ]),
  ];
}

/** Services other than itself that its requests may go to. */
function backendsOf({ name, routes }: ServiceConfig): readonly string[] {
  return routes.flatMap(({ distribution }) =>
    distribution.backends.map(({ service }) => service).filter((backend) => backend !== name),
  );
}

function ofService(service: ServiceConfig, isBackend: boolean): LeftOut[] {
  const path = `services.${service.name}`;
  const found: LeftOut[] = [];
  if (service.endpointProtocol !== 'as-client') {
    const why = 'endpoints have no protocol of their own that every proxy knows';
    found.push({ path: `${path}.endpointProtocol`, why });
  }
  if (service.circuitBreaker !== undefined && isBackend) {
    const why = 'requests that other services send here follow the breaker of those';
    found.push({ path: `${path}.circuitBreaker`, why });
  }
  return found;
}

function ofRoute(service: ServiceConfig, route: RouteConfig, index: number): LeftOut[] {
  const path = `services.${service.name}.routes[${String(index)}]`;
  const kinds = new Set(
    service.ports
      .filter(({ protocol }) => protocol !== 'opaque' && protocol !== 'tls')
      .map((port) => (isTaughtAsGrpc({ service, ...port }) ? ('grpc' as const) : ('http' as const))),
  );
  const found: LeftOut[] = [];
  for (const kind of kinds) {
    const routes = kind === 'grpc' ? 'gRPC routes' : 'HTTP routes';
    if (kind === 'http' && (route.retry?.grpcCodes.length ?? 0) > 0) {
      found.push({ path: `${path}.retry.grpcOn`, why: `${routes} are retried after statuses only` });
    }
    if (kind === 'grpc' && (route.retry?.statuses.length ?? 0) > 0) {
      found.push({ path: `${path}.retry.on`, why: `${routes} are retried after gRPC codes only` });
    }
    for (const [place, filter] of filtersOf(route, path)) {
      if (isTellable(filter, kind)) continue;
      found.push({ path: place, why: `${routes} have no such filter` });
    }
  }
  if (route.retry?.budget !== undefined) {
    found.push({ path: `${path}.retry.budget`, why: 'retries of routes have no budget' });
  }
  if (route.failureStatuses.length > 0) {
    found.push({ path: `${path}.failureStatuses`, why: 'routes do not say what failed' });
  }
  return found;
}

function filtersOf(route: RouteConfig, path: string): (readonly [string, RouteFilterConfig])[] {
  const placed = (
    filters: readonly RouteFilterConfig[],
    at: string,
  ): (readonly [string, RouteFilterConfig])[] =>
    filters.map((filter, index) => [`${at}.filters[${String(index)}].${filter.kind}`, filter]);
  return [
    ...placed(route.filters, path),
    ...route.distribution.backends.flatMap(({ filters }, index) =>
      placed(filters, `${path}.backends[${String(index)}]`),
    ),
  ];
}
