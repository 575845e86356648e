// Every default of the mesh file, in one place. Where linkerd2-proxy has such a setting, the figure is
// what it runs with in a cluster; the others say why. Documented for users in docs/configuration.md.
import type {
  CircuitBreakerConfig,
  Http2KeepaliveConfig,
  LoadPenaltyConfig,
  MeshConfig,
  PortRange,
} from './mesh-config.js';
import type { BackoffConfig } from './route-config.js';

/** Protocols whose server speaks first, or that are known not to be HTTP: reading ahead would stall them. */
export const DEFAULT_OPAQUE_PORTS: readonly PortRange[] = [25, 587, 3306, 4444, 5432, 6379, 9300, 11_211].map(
  (port) => ({ first: port, last: port }),
);

export const DEFAULT_TIMEOUTS: MeshConfig['timeouts'] = {
  connectMs: 1000,
  detectMs: 10_000,
  // No limit: only the application knows how long an answer may take.
  responseMs: 0,
  // A head is one packet or a few; half a minute forgives the slowest honest client and ends slowloris.
  requestHeadMs: 30_000,
  // Longer than the idle limit of common clients' pools, so that they close first and no request is lost.
  clientIdleMs: 600_000,
  poolIdleMs: 3000,
  // One direction may still be moving a large answer: generous, only there so that nothing stays forever.
  halfCloseMs: 1_800_000,
  failFastMs: 3000,
  discoveryMs: 5000,
  keepaliveMs: 10_000,
  userTimeoutMs: 30_000,
  destinationIdleMs: 5000,
  // Not the two minutes of a pod: who stops `sluice run` sits in front of it.
  drainMs: 30_000,
};

export const DEFAULT_BALANCER: MeshConfig['balancer'] = {
  defaultRttMs: 30,
  decayMs: 10_000,
  backoffMinMs: 100,
  backoffMaxMs: 60_000,
  backoffJitter: 0.1,
  queueCapacity: 10_000,
  poolMaxIdle: 10_000,
};

/** Of `http2Keepalive` where it is given: a dead peer is found before a person gives up. */
export const DEFAULT_HTTP2_KEEPALIVE: Http2KeepaliveConfig = {
  intervalMs: 10_000,
  timeoutMs: 3000,
  whileIdle: false,
};

/** Of `circuitBreaker` where it is given: what the annotations of linkerd's services have. */
export const DEFAULT_CIRCUIT_BREAKER: Pick<
  CircuitBreakerConfig,
  'consecutiveFailures' | 'backoff' | 'mayEjectLast'
> = {
  consecutiveFailures: 7,
  backoff: { minMs: 1000, maxMs: 60_000, jitter: 0.5 },
  // An endpoint that fails some requests is better than none at all.
  mayEjectLast: false,
};

/** Few requests say little about a rate. */
export const DEFAULT_SUCCESS_RATE = { windowMs: 10_000, minRequests: 10 };

export const DEFAULT_LOAD_PENALTY: LoadPenaltyConfig = { penaltyMs: 5000, maxRetryAfterMs: 300_000 };

export const DEFAULT_RETRY = { limit: 1, maxBodyBytes: 64 * 1024 };
export const DEFAULT_RETRY_BACKOFF: BackoffConfig = { minMs: 25, maxMs: 250, jitter: 1 };
export const DEFAULT_RETRY_BUDGET = { ratio: 0.2, minPerSecond: 10, ttlMs: 10_000 };

/** As Linkerd's identity controller. */
export const DEFAULT_TRUST_DOMAIN = 'cluster.local';
export const DEFAULT_IDENTITY_LIFETIME_MS = 24 * 60 * 60 * 1000;

/** Bounds of the time DNS answers are used for; the lower one is that of linkerd's resolver. */
export const DEFAULT_DNS_MIN_TTL_MS = 5000;
/** Answers with a day to live are asked for again this soon, so that a moved service is found. */
export const DEFAULT_DNS_MAX_TTL_MS = 300_000;

/** What applies without a mesh file: every destination goes where it was going. */
export const defaultMeshConfig: MeshConfig = Object.freeze({
  services: Object.freeze([]),
  opaquePorts: DEFAULT_OPAQUE_PORTS,
  skip: Object.freeze({ ports: Object.freeze([]), networks: Object.freeze([]), loopback: false }),
  forwards: Object.freeze([]),
  httpProxy: undefined,
  timeouts: Object.freeze(DEFAULT_TIMEOUTS),
  balancer: Object.freeze(DEFAULT_BALANCER),
  http2Keepalive: undefined,
  admin: Object.freeze({ address: undefined, shutdown: false }),
  identity: undefined,
});
