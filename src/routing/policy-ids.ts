import type { ResourceInfo, RouteDirectory, RouteInfo } from './route-directory.js';
/** Ids of what policies speak of. One for the whole proxy. */
export declare class PolicyIds implements RouteDirectory {
  routeInfo(id: number): RouteInfo | undefined;
  backendInfo(id: number): ResourceInfo | undefined;
  /** A server, an authorization or a rate limit. */
  resourceInfo(id: number): ResourceInfo | undefined;
}
