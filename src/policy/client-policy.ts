// What a policy for outbound traffic says, validated and frozen: every default filled in, nothing left to
// check. Made from a message of the API by read-client-policy.ts, or where there is none by
// synthesized-policy.ts; what becomes of it is in src/routing/policy-route-table.ts. Durations that a policy
// leaves out are 0, milliseconds are whole.
import type { CircuitBreakerConfig, LoadPenaltyConfig } from '../config/mesh-config.js';
import type {
  HostMatchConfig,
  RequestMatchConfig,
  RetryConfig,
  RouteConfig,
  RouteFilterConfig,
} from '../config/route-config.js';
import type { MeshEndpoint } from '../control/mesh-endpoint.js';
import type { ResourceInfo } from './resource-info.js';

export interface BalanceDispatcher {
  readonly kind: 'balance';
  /** Question for Destination.Get: `name:port`. */
  readonly path: string;
  readonly defaultRttMs: number;
  readonly decayMs: number;
  /** Undefined: failures count with the latency they had. For HTTP only. */
  readonly penalty: LoadPenaltyConfig | undefined;
}

export type BackendDispatcher =
  | BalanceDispatcher
  /** One endpoint, whatever its state. */
  | { readonly kind: 'forward'; readonly endpoint: MeshEndpoint }
  /** Whatever goes there fails with this message. */
  | { readonly kind: 'fail'; readonly message: string };

export interface PolicyBackend {
  readonly meta: ResourceInfo;
  readonly dispatcher: BackendDispatcher;
  /** What the policy asks for. linkerd2-proxy uses its own settings instead (reference §4.13). */
  readonly queue: { readonly capacity: number; readonly failFastMs: number };
}

export interface WeightedBackend<Filter> {
  readonly backend: PolicyBackend;
  /** Of `random`; 0: never drawn. */
  readonly weight: number;
  readonly filters: readonly Filter[];
}

/** `empty`: never ready. `first`: the first that is ready. `random`: one that is ready, by weight. */
export interface PolicyDistribution<Filter> {
  readonly kind: 'empty' | 'first' | 'random';
  readonly backends: readonly WeightedBackend<Filter>[];
}

export interface PolicyRule {
  /** One of them must match. Empty: every request. */
  readonly matches: readonly RequestMatchConfig[];
  readonly filters: readonly RouteFilterConfig[];
  readonly distribution: PolicyDistribution<RouteFilterConfig>;
  readonly timeouts: RouteConfig['timeouts'];
  readonly retry: RetryConfig | undefined;
  readonly allowRequestOverrides: boolean;
}

export interface PolicyRoute {
  readonly meta: ResourceInfo;
  readonly kind: 'http' | 'grpc';
  /** Empty: any. */
  readonly hosts: readonly HostMatchConfig[];
  /** In their order, which decides between equals. Empty: matches nothing. */
  readonly rules: readonly PolicyRule[];
}

/** What a route or a backend for connections says against them (reference §4.6). */
export type ConnectionFilter =
  { readonly kind: 'forbidden' } | { readonly kind: 'invalid'; readonly message: string };

/** A route for connections that are not looked into. Of its filters only the first counts. */
export interface ConnectionRoute {
  readonly meta: ResourceInfo;
  readonly filters: readonly ConnectionFilter[];
  readonly distribution: PolicyDistribution<ConnectionFilter>;
}

export interface TlsConnectionRoute extends ConnectionRoute {
  /** Names of servers. Empty: any. */
  readonly hosts: readonly HostMatchConfig[];
}

export interface HttpPolicy {
  readonly routes: readonly PolicyRoute[];
  /** Of every balancer of these routes. */
  readonly failureAccrual: CircuitBreakerConfig | undefined;
}

/** Without an opaque route connections that are not HTTP have no way. */
export type ClientProtocol =
  | {
      readonly kind: 'detect';
      /** What HTTP/1 clients get, and HTTP/2 clients; often the same. */
      readonly http1: HttpPolicy;
      readonly http2: HttpPolicy;
      readonly opaque: ConnectionRoute | undefined;
    }
  | { readonly kind: 'http1' | 'http2' | 'grpc'; readonly http: HttpPolicy }
  | { readonly kind: 'opaque'; readonly opaque: ConnectionRoute | undefined }
  | { readonly kind: 'tls'; readonly routes: readonly TlsConnectionRoute[] };

export interface ClientPolicy {
  /** What the routes belong to: `parent_*`. */
  readonly meta: ResourceInfo;
  readonly protocol: ClientProtocol;
  /** Why the message was not valid; then this is the policy that refuses everything. */
  readonly misconfiguration: string | undefined;
  /** What was left out of the message, with its path; to be logged once. */
  readonly notes: readonly string[];
}
