import type { Server } from '../api/gen/inbound_pb.js';
import type { ServerPolicy } from './server-policy.js';
/** A message with a mistake gives the policy that refuses everything, with its reason. */
export declare function serverPolicy(message: Server): ServerPolicy;
