// What a target should be, but for its endpoints.
import type { MeshConfig } from '../config/mesh-config.js';
import type { Labels } from './target-directory.js';
import type { EndpointSettings } from './target-endpoint-settings.js';

export interface TargetSpec extends EndpointSettings {
  readonly authority: string;
  readonly labels: Labels;
  /** `forward`: one endpoint, dialled as needed. `balance`: see the contract. */
  readonly kind: 'forward' | 'balance';
  /** Own address of connections to the endpoints; undefined: the kernel chooses. */
  readonly source?: string | undefined;
  /** In place of the table's. */
  readonly reach?: ReachSettings | undefined;
}

/** Bounds of dialling, waiting, keeping connections and choosing, by the names of the border. */
export interface ReachSettings {
  readonly connectTimeoutMs: number;
  readonly failFastTimeoutMs: number;
  /** Requests that wait for an endpoint, in each worker. */
  readonly queueCapacity: number;
  readonly poolIdleTimeoutMs: number;
  /** Of each endpoint and worker. */
  readonly poolMaxIdle: number;
  readonly ewmaDefaultRttMs: number;
  readonly ewmaDecayMs: number;
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** 0 to 1. */
  readonly backoffJitter: number;
  /** From the request to the head of its response; 0: none. */
  readonly responseTimeoutMs: number;
  /** Loopback addresses are not dialled. */
  readonly refuseLoopback: boolean;
}

/** What a mesh file says for all targets alike. */
export function reachOfMesh({
  timeouts,
  balancer,
}: Pick<MeshConfig, 'timeouts' | 'balancer'>): ReachSettings {
  return {
    connectTimeoutMs: timeouts.connectMs,
    failFastTimeoutMs: timeouts.failFastMs,
    queueCapacity: balancer.queueCapacity,
    poolIdleTimeoutMs: timeouts.poolIdleMs,
    poolMaxIdle: balancer.poolMaxIdle,
    ewmaDefaultRttMs: balancer.defaultRttMs,
    ewmaDecayMs: balancer.decayMs,
    backoffMinMs: balancer.backoffMinMs,
    backoffMaxMs: balancer.backoffMaxMs,
    backoffJitter: balancer.backoffJitter,
    responseTimeoutMs: timeouts.responseMs,
    refuseLoopback: false,
  };
}
