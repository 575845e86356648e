// What route tables of policies and profiles are made with beside these themselves.
import type { CircuitBreakerConfig } from '../config/mesh-config.js';
import type { PolicyBackend } from '../policy/client-policy.js';
import type { PolicyIds } from './policy-ids.js';

/** What a target is for. Equal uses may share one. */
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
