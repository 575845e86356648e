// Ids of rules, backends and retry budgets. An id stands for what is meant (a route of a service's port,
// a port of a service), not for a version of its text: edits keep it, so counters go on, and it is never
// given to anything else. What was given out is remembered: as many as the file ever had names.
import { IdSequence } from '../core/ids.js';
import type { ResourceInfo, RouteDirectory, RouteInfo } from './route-directory.js';

const ROUTE_GROUP = 'gateway.networking.k8s.io';
const ROUTE_KINDS = { http: 'HTTPRoute', grpc: 'GRPCRoute', tcp: 'TCPRoute' } as const;

/** `name`: in messages. */
export interface NamedId {
  readonly id: number;
  readonly name: string;
}

/** A service of the mesh file stands where one of Kubernetes does; it has no namespace. */
export function serviceResource(service: string, port: number): ResourceInfo {
  return { group: 'core', kind: 'Service', namespace: '', name: service, port: String(port), section: '' };
}

export class RouteTableIds implements RouteDirectory {
  readonly #ids = new IdSequence();
  readonly #known = new Map<string, number>();
  readonly #routes = new Map<number, RouteInfo>();
  readonly #backends = new Map<number, ResourceInfo>();

  /** A route of the file. */
  route(service: string, port: number, kind: keyof typeof ROUTE_KINDS, name: string): NamedId {
    return this.#route(service, port, kind, `route ${name}`, {
      kind,
      name: `${ROUTE_KINDS[kind]}.${service}.${name}`,
      parent: serviceResource(service, port),
      route: { group: ROUTE_GROUP, kind: ROUTE_KINDS[kind], namespace: '', name },
    });
  }

  /** What stands where the file has no route, and leads to the service itself. */
  defaultRoute(service: string, port: number, kind: 'http' | 'tcp'): NamedId {
    return this.#route(service, port, kind, 'default', {
      kind,
      name: `default.${service}.${kind}`,
      parent: serviceResource(service, port),
      route: { group: '', kind: 'default', namespace: '', name: kind },
    });
  }

  backend(service: string, port: number): number {
    const id = this.#intern(`backend ${service} ${String(port)}`);
    if (!this.#backends.has(id)) this.#backends.set(id, serviceResource(service, port));
    return id;
  }

  /** Shared by the ports of the service: a budget is one of requests, whichever port they came to. */
  budget(service: string, routeName: string): number {
    return this.#intern(`budget ${service} ${routeName}`);
  }

  routeInfo(id: number): RouteInfo | undefined {
    return this.#routes.get(id);
  }

  backendInfo(id: number): ResourceInfo | undefined {
    return this.#backends.get(id);
  }

  #route(service: string, port: number, kind: string, what: string, info: RouteInfo): NamedId {
    const id = this.#intern(`${kind} ${service} ${String(port)} ${what}`);
    if (!this.#routes.has(id)) this.#routes.set(id, info);
    return { id, name: info.name };
  }

  #intern(key: string): number {
    let id = this.#known.get(key);
    if (id === undefined) this.#known.set(key, (id = this.#ids.next()));
    return id;
  }
}
