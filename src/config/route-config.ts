// What a mesh file says of the routes of a service: a part of MeshConfig, every default filled in.
// Explained for users in docs/configuration.md; what becomes of it is in src/routing/route-table-*.ts.

export interface TextMatchConfig {
  /** `regex`: RE2, of the whole text. */
  readonly kind: 'exact' | 'regex';
  readonly text: string;
}

export interface PathMatchConfig {
  /** `prefix`: by segments. */
  readonly kind: 'exact' | 'prefix' | 'regex';
  readonly text: string;
}

export interface NamedMatchConfig {
  /** Of headers in lower case. */
  readonly name: string;
  readonly value:
    | TextMatchConfig
    /** The value of a header that is not text, in hexadecimal. Not in mesh files. */
    | { readonly kind: 'bytes'; readonly text: string };
}

/** Everything that is given must match. */
export interface RequestMatchConfig {
  readonly path: PathMatchConfig | undefined;
  /** Empty: any. */
  readonly grpc: { readonly service: string; readonly method: string } | undefined;
  /** Empty: any. */
  readonly method: string;
  readonly headers: readonly NamedMatchConfig[];
  readonly query: readonly NamedMatchConfig[];
  /** Of HTTP that the client speaks; undefined: any. Not in mesh files. */
  readonly version?: 1 | 2 | undefined;
  /** Further matches that must all match. Not in mesh files. */
  readonly all?: readonly RequestMatchConfig[] | undefined;
  /** Matches of which none may match. Not in mesh files. */
  readonly none?: readonly RequestMatchConfig[] | undefined;
}

/** Every request. */
export const ANY_REQUEST: RequestMatchConfig = Object.freeze({
  path: undefined,
  grpc: undefined,
  method: '',
  headers: Object.freeze([]),
  query: Object.freeze([]),
});

export interface HostMatchConfig {
  /** Lower case, without a trailing dot. */
  readonly host: string;
  /** Whether it stands for names with further labels, and not for itself. */
  readonly suffix: boolean;
}

export interface HeaderValueConfig {
  readonly name: string;
  readonly value: string;
}

export interface HeadersFilterConfig {
  readonly kind: 'requestHeaders' | 'responseHeaders';
  readonly add: readonly HeaderValueConfig[];
  readonly set: readonly HeaderValueConfig[];
  readonly remove: readonly string[];
}

/** What is undefined stays as the request has it. */
export interface RedirectFilterConfig {
  readonly kind: 'redirect';
  readonly status: number;
  readonly scheme: string | undefined;
  readonly host: string | undefined;
  readonly port: number | undefined;
  /** `prefix` replaces the prefix that matched. */
  readonly path: { readonly kind: 'whole' | 'prefix'; readonly text: string } | undefined;
}

/** Fails `numerator` of `denominator` requests, by chance. */
export interface FailFilterConfig {
  readonly kind: 'fail';
  readonly numerator: number;
  readonly denominator: number;
  readonly answer:
    { readonly kind: 'http'; readonly status: number } | { readonly kind: 'grpc'; readonly code: number };
  readonly message: string;
}

/** Stands for a filter that nobody knows how to apply: every request fails. Not in mesh files. */
export interface InvalidFilterConfig {
  readonly kind: 'invalid';
  readonly message: string;
}

export type RouteFilterConfig =
  HeadersFilterConfig | RedirectFilterConfig | FailFilterConfig | InvalidFilterConfig;

export interface BackendConfig {
  /** Key of the service. */
  readonly service: string;
  /** Undefined: the port that was connected to when the service has it, else its only one. */
  readonly port: number | undefined;
  /** 0: never drawn. */
  readonly weight: number;
  readonly filters: readonly RouteFilterConfig[];
}

export interface DistributionConfig {
  /** `random`: one that is ready, by weight; `first`: the first that is ready. */
  readonly kind: 'random' | 'first';
  /** Empty: the service itself. */
  readonly backends: readonly BackendConfig[];
}

export interface StatusRangeConfig {
  readonly first: number;
  readonly last: number;
}

export interface BackoffConfig {
  readonly minMs: number;
  readonly maxMs: number;
  readonly jitter: number;
}

export interface RetryConfig {
  readonly limit: number;
  readonly statuses: readonly StatusRangeConfig[];
  readonly grpcCodes: readonly number[];
  /** For the head of each response but the last try's; 0: none. */
  readonly timeoutMs: number;
  readonly maxBodyBytes: number;
  /** Undefined: at once. */
  readonly backoff: BackoffConfig | undefined;
  /** Undefined: unlimited. */
  readonly budget:
    { readonly ratio: number; readonly minPerSecond: number; readonly ttlMs: number } | undefined;
}

export interface RouteConfig {
  /** Unique among the routes of the service. */
  readonly name: string;
  readonly kind: 'http' | 'grpc';
  /** Empty: any. */
  readonly hosts: readonly HostMatchConfig[];
  /** One of them must match. Empty: every request. */
  readonly matches: readonly RequestMatchConfig[];
  readonly distribution: DistributionConfig;
  readonly filters: readonly RouteFilterConfig[];
  /** 0: none. */
  readonly timeouts: { readonly requestMs: number; readonly responseMs: number; readonly idleMs: number };
  readonly retry: RetryConfig | undefined;
  readonly allowRequestOverrides: boolean;
  /** Empty: 500 to 599. */
  readonly failureStatuses: readonly StatusRangeConfig[];
}

export interface TcpRouteConfig {
  readonly distribution: DistributionConfig;
  readonly forbid: boolean;
}
