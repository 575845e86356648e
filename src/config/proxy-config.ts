// The configuration of `sluice proxy` as plain, frozen data: what its environment says, checked, with
// every default filled in. Times are milliseconds, sizes bytes; undefined means "not set, the system's
// own way". Variables are named in docs/environment.md.
import { type BackoffSettings } from '../core/backoff.js';
import { type HostPort, type IpAddress, type Network } from '../core/ip.js';
import { type PortRange } from '../core/ports.js';
import { type LogFormat, type PollerName } from './environment.js';
import { type DnsSuffix, type ProxyId, type ServiceAddress } from './proxy-address-values.js';
import { type OriginalDestination } from './proxy-variables-own.js';
import { type DEFAULT_POLICIES } from './proxy-variables-services.js';

export type DefaultPolicyName = (typeof DEFAULT_POLICIES)[number];

/** A service of the control plane. */
export interface ControllerConfig {
  readonly address: ServiceAddress;
  /** Identity and server name it must have; undefined: it is on loopback, and spoken to in clear. */
  readonly serverName: string | undefined;
}

export interface QueueConfig {
  readonly capacity: number;
  readonly failfastMs: number;
}

/** Of a TCP connection. */
export interface SocketConfig {
  readonly keepaliveMs: number | undefined;
  readonly userTimeoutMs: number | undefined;
}

export interface Http2Windows {
  readonly streamBytes: number;
  readonly connectionBytes: number;
}

/** HTTP/2 as it is spoken to clients. */
export interface Http2ServerConfig {
  /** `adaptive`: they follow the bandwidth. */
  readonly windows: Http2Windows | 'adaptive';
  /** Undefined: no PINGs. */
  readonly keepalive: { readonly intervalMs: number; readonly timeoutMs: number } | undefined;
  /** Undefined: no limit is told. */
  readonly maxConcurrentStreams: number | undefined;
  readonly maxFrameBytes: number | undefined;
  readonly maxHeaderListBytes: number | undefined;
  readonly maxPendingResets: number | undefined;
  readonly maxSendBufferBytes: number | undefined;
}

/** What both sides have. */
export interface SideConfig {
  readonly detectTimeoutMs: number;
  readonly httpQueue: QueueConfig;
  readonly maxInFlight: number;
  readonly accept: SocketConfig & { readonly backlog: number | undefined };
  readonly connect: SocketConfig & { readonly timeoutMs: number; readonly backoff: BackoffSettings };
  readonly http1Pool: { readonly maxIdlePerEndpoint: number; readonly idleMs: number };
  readonly discoveryIdleMs: number;
  readonly http2Server: Http2ServerConfig;
  /** Undefined: the kernel is asked. */
  readonly originalDestination: OriginalDestination | undefined;
}

export interface InboundConfig extends SideConfig {
  /** Connections to other addresses are refused; empty: none is. */
  readonly ips: readonly IpAddress[];
  readonly defaultPolicy: DefaultPolicyName;
  /** Ports whose policy is watched from the start on. */
  readonly ports: readonly PortRange[];
  /** Ports that are opaque until the controller says otherwise. */
  readonly opaquePorts: readonly PortRange[];
  readonly gatewaySuffixes: readonly DnsSuffix[];
  readonly profileTimeoutMs: number;
  readonly authorityLabels: boolean;
}

export interface OutboundConfig extends SideConfig {
  readonly tcpQueue: QueueConfig;
  readonly disableInformationalHeaders: boolean;
  readonly hostnameLabels: boolean;
  readonly ingressMode: boolean;
  /** Dial endpoints on loopback addresses. */
  readonly allowLoopback: boolean;
}

/** What bounds a question to a controller that is not on loopback; undefined: nothing does. Initial ≤ idle ≤ lifetime. */
export interface StreamLimits {
  /** Until the first message. */
  readonly initialMs: number | undefined;
  /** Between messages. */
  readonly idleMs: number | undefined;
  /** From the question on. */
  readonly lifetimeMs: number | undefined;
}

export type CertificateSource =
  | {
      readonly kind: 'controller';
      readonly controller: ControllerConfig;
      /** Has `csr.der` and `key.p8`. */
      readonly directory: string;
      readonly tokenFile: string;
      readonly minRefreshMs: number;
      readonly maxRefreshMs: number;
    }
  | { readonly kind: 'spire'; readonly socketPath: string; readonly backoff: BackoffSettings };

export interface IdentityConfig {
  readonly id: ProxyId;
  readonly serverName: string;
  readonly trustAnchorsPem: string;
  readonly certificates: CertificateSource;
}

export interface TracingConfig {
  readonly collector: ControllerConfig;
  readonly attributes: Readonly<Record<string, string>>;
  readonly hostName: string | undefined;
}

/** Known before everything else, as mistakes in the rest are logged. */
export interface ProxyLogConfig {
  /** Undefined: nothing is logged, and that cannot be changed. Not yet parsed. */
  readonly filter: string | undefined;
  readonly format: LogFormat;
  readonly accessLog: 'apache' | 'json' | undefined;
}

/** See worker-count.ts. */
export interface CoresConfig {
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly maxRatio: number | undefined;
}

export interface ProxyConfig {
  readonly listeners: {
    readonly inbound: HostPort;
    /** One or two. */
    readonly outbound: readonly HostPort[];
    readonly tap: HostPort;
    readonly admin: HostPort;
  };
  readonly inbound: InboundConfig;
  readonly outbound: OutboundConfig;
  /** Of HTTP/2 spoken to servers, on both sides. */
  readonly http2Client: Http2Windows;
  readonly destination: {
    readonly controller: ControllerConfig;
    readonly context: string;
    readonly profileSuffixes: readonly DnsSuffix[];
    readonly profileNetworks: readonly Network[];
  };
  readonly policy: {
    readonly controller: ControllerConfig;
    readonly workload: string;
    readonly clusterNetworks: readonly Network[];
  };
  readonly streamLimits: StreamLimits;
  readonly identity: IdentityConfig;
  /** Undefined: tap is off. */
  readonly tap: { readonly client: ProxyId } | undefined;
  /** Undefined: no spans. */
  readonly tracing: TracingConfig | undefined;
  readonly dns: {
    readonly minTtlMs: number | undefined;
    readonly maxTtlMs: number | undefined;
    /** Empty: those of the system. */
    readonly servers: readonly string[];
  };
  readonly metricsRetainIdleMs: number;
  readonly logs: ProxyLogConfig;
  readonly shutdown: { readonly endpointEnabled: boolean; readonly graceMs: number };
  readonly cores: CoresConfig;
  readonly poller: PollerName;
}
