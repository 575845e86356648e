import type { Network } from '../core/ip.js';
import type { DefaultPolicyName, ServerPolicy } from './server-policy.js';
export interface DefaultPolicySettings {
  readonly name: DefaultPolicyName;
  readonly clusterNetworks: readonly Network[];
  readonly detectTimeoutMs: number;
  /** Connections to the port are not looked into. */
  readonly opaque: boolean;
}
export declare function defaultServerPolicy(settings: DefaultPolicySettings): ServerPolicy;
