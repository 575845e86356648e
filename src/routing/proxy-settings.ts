// What the routers of a proxy in a Linkerd mesh need to know of its environment (reference §1.5, §1.6),
// and what becomes of it at the border. Milliseconds everywhere.
import type { BackoffConfig } from '../config/route-config.js';
import type { IpAddress, Network } from '../core/ip.js';
import type { PortRange } from '../core/ports.js';
import type { DefaultPolicyName } from '../policy/server-policy.js';
import type { ReachSettings } from './target-spec.js';

export interface ConnectSettings {
  readonly timeoutMs: number;
  readonly backoff: BackoffConfig;
  readonly poolMaxIdle: number;
  readonly poolIdleMs: number;
}

export interface QueueSettings {
  readonly capacity: number;
  readonly failFastMs: number;
}

export interface OutboundSettings {
  readonly connect: ConnectSettings;
  readonly httpQueue: QueueSettings;
  readonly tcpQueue: QueueSettings;
  readonly detectTimeoutMs: number;
  /** How long what was discovered of an address is kept without a connection. */
  readonly discoveryIdleMs: number;
  /** Profiles are asked for of addresses in these only. */
  readonly profileNetworks: readonly Network[];
  /** Endpoints at loopback addresses are dialled. */
  readonly allowLoopback: boolean;
}

export interface InboundSettings {
  readonly connect: ConnectSettings;
  readonly detectTimeoutMs: number;
  readonly discoveryIdleMs: number;
  /** Policies of these are asked for from the start and for ever. */
  readonly ports: readonly PortRange[];
  /** Likewise; undefined: there is no admin server. */
  readonly adminPort: number | undefined;
  /** Not looked into until the control plane has said otherwise. */
  readonly opaquePorts: readonly PortRange[];
  readonly defaultPolicy: DefaultPolicyName;
  readonly clusterNetworks: readonly Network[];
  /** The port that inbound connections are redirected to; asked at each decision. */
  readonly ownPort: () => number | undefined;
  /** Own address of dials to the application; undefined: the kernel chooses. */
  readonly source: IpAddress | undefined;
}

export interface ProxySettings {
  readonly outbound: OutboundSettings;
  readonly inbound: InboundSettings;
  /** Addresses of the workload (INBOUND_IPS). Empty: any address may be its own. */
  readonly ownAddresses: ReadonlySet<IpAddress>;
}

/** What balancers begin with when no policy says (reference §4.12). */
export const DEFAULT_RTT_MS = 30;
export const DEFAULT_DECAY_MS = 10_000;

/** Bounds of the border, which are wider or narrower than those of the environment. */
const LONGEST_MS = 2 ** 31 - 1;
const LARGEST_QUEUE = 1_000_000;
const LARGEST_COUNT = 2 ** 32 - 1;

export function outboundReach(
  { connect, allowLoopback }: OutboundSettings,
  queue: QueueSettings,
  load: { readonly defaultRttMs: number; readonly decayMs: number },
): ReachSettings {
  return {
    ...reach(connect),
    failFastTimeoutMs: positiveMs(queue.failFastMs),
    queueCapacity: Math.min(queue.capacity, LARGEST_QUEUE),
    ewmaDefaultRttMs: positiveMs(load.defaultRttMs),
    ewmaDecayMs: positiveMs(load.decayMs),
    refuseLoopback: !allowLoopback,
  };
}

/** The application is dialled wherever connections were going: it has no queue (reference §3.8). */
export function inboundReach({ connect }: InboundSettings): ReachSettings {
  return {
    ...reach(connect),
    failFastTimeoutMs: positiveMs(connect.timeoutMs),
    queueCapacity: 0,
    ewmaDefaultRttMs: DEFAULT_RTT_MS,
    ewmaDecayMs: DEFAULT_DECAY_MS,
    refuseLoopback: false,
  };
}

/** 1 and more: nothing can happen in no time. */
export function positiveMs(ms: number): number {
  return Math.min(Math.max(1, Math.round(ms)), LONGEST_MS);
}

function reach({
  timeoutMs,
  backoff,
  poolMaxIdle,
  poolIdleMs,
}: ConnectSettings): Pick<
  ReachSettings,
  | 'connectTimeoutMs'
  | 'poolIdleTimeoutMs'
  | 'poolMaxIdle'
  | 'backoffMinMs'
  | 'backoffMaxMs'
  | 'backoffJitter'
  | 'responseTimeoutMs'
> {
  const backoffMinMs = positiveMs(backoff.minMs);
  return {
    connectTimeoutMs: positiveMs(timeoutMs),
    poolIdleTimeoutMs: Math.min(poolIdleMs, LONGEST_MS),
    poolMaxIdle: Math.min(poolMaxIdle, LARGEST_COUNT),
    backoffMinMs,
    backoffMaxMs: Math.max(backoffMinMs, positiveMs(backoff.maxMs)),
    // The environment allows more; at the border a wait is at most doubled.
    backoffJitter: Math.min(backoff.jitter, 1),
    responseTimeoutMs: 0,
  };
}
