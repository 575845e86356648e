// What a mesh file says, as a frozen tree of plain values: every default filled in, every name
// resolved, nothing left to validate. Built by parse-mesh-file.ts only. Explained for users in
// docs/configuration.md.

import type { HostPort, IpAddress, Network } from '../core/ip.js';
import type { PortRange } from '../core/ports.js';
import type { IdentityConfig } from './identity-config.js';
import type { BackoffConfig, RouteConfig, TcpRouteConfig } from './route-config.js';

export type { HostPort, IpAddress, Network, PortRange };

export type ServiceProtocol = 'detect' | 'http1' | 'http2' | 'opaque' | 'tls';

/** What is spoken to endpoints: what the client speaks, or one version whatever the client speaks. */
export type EndpointProtocol = 'as-client' | 'http1' | 'http2';

/** PINGs: one after `intervalMs` without a frame; unanswered for `timeoutMs`, the connection ends. */
export interface Http2KeepaliveConfig {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Also without a stream. */
  readonly whileIdle: boolean;
}

/** When an endpoint is taken out for how it answers. */
export interface CircuitBreakerConfig {
  /** 0: off. */
  readonly consecutiveFailures: number;
  readonly successRate:
    { readonly min: number; readonly windowMs: number; readonly minRequests: number } | undefined;
  readonly backoff: BackoffConfig;
  readonly mayEjectLast: boolean;
}

/** A failed response counts in the balancer as one that took at least this long. */
export interface LoadPenaltyConfig {
  readonly penaltyMs: number;
  readonly maxRetryAfterMs: number;
}

export interface EndpointConfig {
  readonly address: HostPort;
  /** 1..10000. */
  readonly weight: number;
  /** Become `dst_<key>` labels of metrics. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface DnsEndpointsConfig {
  readonly name: string;
  /** `a+aaaa`: both address families; `srv`: ports and weights come from the records. */
  readonly records: 'a' | 'aaaa' | 'a+aaaa' | 'srv';
  /** Port of the endpoints; undefined with `srv`. */
  readonly port: number | undefined;
  /** Bounds of the time to live that answers are used for. */
  readonly minTtlMs: number;
  readonly maxTtlMs: number;
}

export interface ServiceConfig {
  /** Key in the file; the first of `names`. */
  readonly name: string;
  /** Host names that mean this service, lower case. */
  readonly names: readonly string[];
  /** Virtual addresses; nobody needs to listen there. */
  readonly addresses: readonly IpAddress[];
  readonly ports: readonly { readonly port: number; readonly protocol: ServiceProtocol }[];
  readonly endpoints: readonly EndpointConfig[];
  /** In place of `endpoints`. */
  readonly dns: DnsEndpointsConfig | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly endpointProtocol: EndpointProtocol;
  /** Towards endpoints; undefined: no PINGs. */
  readonly http2Keepalive: Http2KeepaliveConfig | undefined;
  readonly circuitBreaker: CircuitBreakerConfig | undefined;
  readonly loadPenalty: LoadPenaltyConfig | undefined;
  /** In the order of the file. Empty: every request goes to the service itself. */
  readonly routes: readonly RouteConfig[];
  /** Connections that are not HTTP; undefined: to the service itself. */
  readonly tcp: TcpRouteConfig | undefined;
}

/** An explicit listener that forwards to one destination (rung 3). */
export interface ForwardConfig {
  readonly listen: HostPort;
  readonly to: { readonly service: string; readonly port: number } | HostPort;
}

export interface MeshConfig {
  readonly services: readonly ServiceConfig[];
  /** Never looked into, in either direction. */
  readonly opaquePorts: readonly PortRange[];
  readonly skip: {
    readonly ports: readonly PortRange[];
    readonly networks: readonly Network[];
    readonly loopback: boolean;
  };
  readonly forwards: readonly ForwardConfig[];
  /** Where the forward HTTP proxy listens (rung 3); undefined: a port of the kernel's choice when that rung is used. */
  readonly httpProxy: HostPort | undefined;
  readonly timeouts: {
    readonly connectMs: number;
    readonly detectMs: number;
    /** 0: none. */
    readonly responseMs: number;
    readonly requestHeadMs: number;
    readonly clientIdleMs: number;
    readonly poolIdleMs: number;
    readonly halfCloseMs: number;
    readonly failFastMs: number;
    readonly discoveryMs: number;
    /** 0: off. */
    readonly keepaliveMs: number;
    readonly userTimeoutMs: number;
    readonly destinationIdleMs: number;
    readonly drainMs: number;
  };
  readonly balancer: {
    readonly defaultRttMs: number;
    readonly decayMs: number;
    readonly backoffMinMs: number;
    readonly backoffMaxMs: number;
    readonly backoffJitter: number;
    readonly queueCapacity: number;
    readonly poolMaxIdle: number;
  };
  /** Towards clients; undefined: no PINGs. */
  readonly http2Keepalive: Http2KeepaliveConfig | undefined;
  readonly admin: {
    readonly address: HostPort | undefined;
    readonly shutdown: boolean;
  };
  /** Undefined: nobody gets a certificate. */
  readonly identity: IdentityConfig | undefined;
}
