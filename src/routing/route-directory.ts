// What the ids of rules, TCP routes and backends mean in words, and those of the policies of servers: for
// labels of metrics, and for people.
// Ids come back in series and failures long after a route is gone; what they mean never changes.

/** What routes belong to, and where they lead: the groups `parent_*` and `backend_*` of labels. */
export interface ResourceInfo {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Empty: all of them. */
  readonly port: string;
  readonly section: string;
}

export interface RouteInfo {
  readonly kind: 'http' | 'grpc' | 'tcp';
  /** In messages: `HTTPRoute.web.canary`. */
  readonly name: string;
  readonly parent: ResourceInfo;
  readonly route: Pick<ResourceInfo, 'group' | 'kind' | 'namespace' | 'name'>;
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
