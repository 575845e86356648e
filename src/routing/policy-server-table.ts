import type { ServerPolicy } from '../policy/server-policy.js';
import type { PolicyIds } from './policy-ids.js';
import type { RouteTable } from './route-table.js';

/** `targetId` is the application behind the port. */
export declare function serverRouteTable(
  policy: ServerPolicy,
  port: number,
  targetId: number,
  ids: PolicyIds,
): RouteTable;
