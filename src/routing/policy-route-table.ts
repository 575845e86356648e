import type { CircuitBreakerConfig } from '../config/mesh-config.js';
import type { PolicyBackend } from '../policy/client-policy.js';
import type { OutboundPlan } from '../policy/outbound-plan.js';
import type { PolicyIds } from './policy-ids.js';
import type { RouteTable } from './route-table.js';

/** What a target is to be made for. Equal ones may share it. */
export interface BackendUse {
  readonly backend: PolicyBackend;
  readonly traffic: 'http' | 'connections';
  readonly failureAccrual: CircuitBreakerConfig | undefined;
}

export interface PolicyTableNeeds {
  readonly ids: PolicyIds;
  /** Id of the target; not asked for backends that fail. 0: leads nowhere. */
  targetOf(use: BackendUse): number;
}

export type ServedPlan = Extract<OutboundPlan, { readonly kind: 'serve' }>;

/** `port` is that of the original destination. */
export declare function planRouteTable(plan: ServedPlan, port: number, needs: PolicyTableNeeds): RouteTable;
