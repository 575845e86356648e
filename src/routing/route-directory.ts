// What the ids of rules, TCP routes and backends mean in words: for labels of metrics, and for people.
// Ids come back in series and failures long after a route is gone; what they mean never changes.

import type { ResourceInfo } from '../policy/resource-info.js';

export type { ResourceInfo };

export interface RouteInfo {
  /** `profile`: of a ServiceProfile. */
  readonly kind: 'http' | 'grpc' | 'tcp' | 'tls' | 'profile';
  /** In messages: `HTTPRoute.web.canary`. */
  readonly name: string;
  readonly parent: ResourceInfo;
  readonly route: Pick<ResourceInfo, 'group' | 'kind' | 'namespace' | 'name'>;
  /** Of `profile`: `name:port` of the service, and the route's own labels without their prefix `rt_`. */
  readonly profile?: { readonly destination: string; readonly labels: Readonly<Record<string, string>> };
}

export interface RouteDirectory {
  routeInfo(id: number): RouteInfo | undefined;
  backendInfo(id: number): ResourceInfo | undefined;
}
