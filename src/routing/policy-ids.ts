// Ids of what policies and profiles speak of: routes, backends, servers, authorizations, rate limits and retry
// budgets. An id stands for what is meant, not for a version of its text: updates keep it, so counters go on,
// and it is never given to anything else. What was given out is remembered: as many as the cluster ever had
// names for. One of them serves the whole proxy.
import { IdSequence } from '../core/ids.js';
import { resourceText } from '../policy/resource-info.js';
import type { ResourceInfo, RouteDirectory, RouteInfo } from './route-directory.js';
import type { NamedId } from './route-table-ids.js';

/** Of two resources only what is given here tells them apart. */
function keyOf({ group, kind, namespace, name, port, section }: ResourceInfo): string {
  return [group, kind, namespace, name, port, section].join('\n');
}

export class PolicyIds implements RouteDirectory {
  readonly #ids = new IdSequence();
  readonly #known = new Map<string, number>();
  readonly #routes = new Map<number, RouteInfo>();
  readonly #resources = new Map<number, ResourceInfo>();

  /** A route of what `parent` is, which may be a service or a server. */
  route(kind: Exclude<RouteInfo['kind'], 'profile'>, parent: ResourceInfo, route: ResourceInfo): NamedId {
    const name = resourceText(route);
    return this.#route(`${kind}\n${keyOf(parent)}\n${keyOf(route)}`, { kind, name, parent, route });
  }

  /** A route of the ServiceProfile of `dst`, which is `name:port`; no labels: its default route. */
  profileRoute(dst: string, parent: ResourceInfo, labels: Readonly<Record<string, string>>): NamedId {
    const text = JSON.stringify(Object.entries(labels).toSorted(([one], [other]) => (one < other ? -1 : 1)));
    const name = labels['route'] ?? 'default';
    return this.#route(`profile\n${dst}\n${text}`, {
      kind: 'profile',
      name: `ServiceProfile.${dst}.${name}`,
      parent,
      route: { group: 'linkerd.io', kind: 'ServiceProfile', namespace: '', name },
      profile: { dst, labels },
    });
  }

  backend(meta: ResourceInfo): number {
    return this.#resource('backend', meta);
  }

  server(meta: ResourceInfo): number {
    return this.#resource('server', meta);
  }

  authorization(meta: ResourceInfo): number {
    return this.#resource('authorization', meta);
  }

  rateLimit(meta: ResourceInfo): number {
    return this.#resource('rate limit', meta);
  }

  /** Of the retries of `dst`, which is `name:port`, whichever route they are of. */
  budget(dst: string): number {
    return this.#intern(`budget\n${dst}`);
  }

  routeInfo(id: number): RouteInfo | undefined {
    return this.#routes.get(id);
  }

  backendInfo(id: number): ResourceInfo | undefined {
    return this.resourceInfo(id);
  }

  /** A backend, a server, an authorization or a rate limit. */
  resourceInfo(id: number): ResourceInfo | undefined {
    return this.#resources.get(id);
  }

  #route(key: string, info: RouteInfo): NamedId {
    const id = this.#intern(`route\n${key}`);
    if (!this.#routes.has(id)) this.#routes.set(id, info);
    return { id, name: info.name };
  }

  #resource(what: string, meta: ResourceInfo): number {
    const id = this.#intern(`${what}\n${keyOf(meta)}`);
    if (!this.#resources.has(id)) this.#resources.set(id, meta);
    return id;
  }

  #intern(key: string): number {
    let id = this.#known.get(key);
    if (id === undefined) this.#known.set(key, (id = this.#ids.next()));
    return id;
  }
}
