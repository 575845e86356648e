// What the ids of rules, TCP routes and backends mean in words, and those of the policies of servers: for
// labels of metrics, and for people.
// Ids come back in series and failures long after a route is gone; what they mean never changes.

import type { ResourceInfo } from '../policy/resource-info.js';

export type { ResourceInfo };

/** Of a route of a ServiceProfile, which is counted under these and nothing else. */
export interface ProfileRouteInfo {
  /** `name:port` of the profile. */
  readonly dst: string;
  /** Become `rt_*` labels. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface RouteInfo {
  readonly kind: 'http' | 'grpc' | 'tcp' | 'tls' | 'profile';
  /** In messages: `HTTPRoute.web.canary`. */
  readonly name: string;
  readonly parent: ResourceInfo;
  readonly route: Pick<ResourceInfo, 'group' | 'kind' | 'namespace' | 'name'>;
  /** With kind `profile`. */
  readonly profile?: ProfileRouteInfo;
}

/** A server, an authorization or a rate limit of an inbound port: `srv_*`, `authz_*`, `ratelimit_*`. */
export type PolicyInfo = Pick<ResourceInfo, 'group' | 'kind' | 'name'>;

export interface PolicyDirectory {
  serverInfo(id: number): PolicyInfo | undefined;
  authorizationInfo(id: number): PolicyInfo | undefined;
  rateLimitInfo(id: number): PolicyInfo | undefined;
}

/** Where nothing is asked of clients. */
export const NO_POLICIES: PolicyDirectory = {
  serverInfo: () => undefined,
  authorizationInfo: () => undefined,
  rateLimitInfo: () => undefined,
};

export interface RouteDirectory {
  routeInfo(id: number): RouteInfo | undefined;
  backendInfo(id: number): ResourceInfo | undefined;
}
