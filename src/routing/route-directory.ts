// What the ids of rules, TCP routes and backends mean in words: for labels of metrics, and for people.
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

export interface RouteDirectory {
  routeInfo(id: number): RouteInfo | undefined;
  backendInfo(id: number): ResourceInfo | undefined;
}
