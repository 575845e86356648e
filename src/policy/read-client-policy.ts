import type { OutboundPolicy } from '../api/gen/outbound_pb.js';
import type { ClientPolicy } from './client-policy.js';
/** A message with a mistake gives the policy that refuses everything, with its reason. */
export declare function clientPolicy(message: OutboundPolicy): ClientPolicy;
