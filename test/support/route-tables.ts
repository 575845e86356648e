// Route tables in few words, for tests of the data plane: rules with one backend or several, entries
// in order, and the names that their ids have in metrics.
import type { DescMessage, Message, MessageInitShape } from '@bufbuild/protobuf';

import {
  type AuthorizationSchema,
  DistributionKind,
  type PutRouteTableSchema,
  type RequestMatchSchema,
  RouteKind,
  type RouteEntrySchema,
  type RouteFilterSchema,
  type RouteHostSchema,
  type RouteRuleSchema,
  type ServerPolicySchema,
} from '../../src/dataplane/gen/contract_pb.js';
import type {
  PolicyDirectory,
  PolicyInfo,
  ResourceInfo,
  RouteDirectory,
} from '../../src/routing/route-directory.js';

/** A message as a plain object. */
type Init<Schema extends DescMessage> = Exclude<MessageInitShape<Schema>, Message>;

export type TableInit = Omit<Init<typeof PutRouteTableSchema>, 'id'>;
export type RuleInit = Init<typeof RouteRuleSchema>;
export type HostInit = Init<typeof RouteHostSchema>;
export type EntryInit = Init<typeof RouteEntrySchema>;
export type MatchInit = Init<typeof RequestMatchSchema>;
export type FilterInit = Init<typeof RouteFilterSchema>;
export type ServerInit = Init<typeof ServerPolicySchema>;
export type AuthorizationInit = Init<typeof AuthorizationSchema>;

const BACKENDS_FROM = 1000;

/** The backend that leads to this target; its name in metrics is `target-ID`. */
export function backend(
  targetId: number,
  weight = 1,
): { id: number; name: string; targetId: number; weight: number } {
  return { id: BACKENDS_FROM + targetId, name: `target-${String(targetId)}`, targetId, weight };
}

/** A rule that leads to this target unless `more` has another distribution. */
export function rule(id: number, targetId: number, more: RuleInit = {}): RuleInit {
  return {
    id,
    name: `HTTPRoute.web.r${String(id)}`,
    distribution: { kind: DistributionKind.RANDOM_AVAILABLE, backends: [backend(targetId)] },
    ...more,
  };
}

export function anyHost(...entries: EntryInit[]): HostInit[] {
  return [{ host: '', entries }];
}

/** A table whose one rule takes every request. */
export function oneRule(only: RuleInit): TableInit {
  return { rules: [only], hosts: anyHost({ rule: 0 }) };
}

export const fiveHundreds = [{ first: 500, last: 599 }];

/** What the rules of tables that were put mean in metrics: the route is named by its id. */
export class RouteNames implements RouteDirectory, PolicyDirectory {
  readonly #grpc = new Set<number>();

  learn({ rules = [] }: TableInit): void {
    for (const { id = 0, kind } of rules) if (kind === RouteKind.ROUTE_GRPC) this.#grpc.add(id);
  }

  routeInfo(id: number): ReturnType<RouteDirectory['routeInfo']> {
    const kind = this.#grpc.has(id) ? 'grpc' : 'http';
    const name = String(id);
    return { kind, name, parent: named('web'), route: { group: '', kind: '', namespace: '', name } };
  }

  backendInfo(id: number): ResourceInfo {
    return named(`target-${String(id - BACKENDS_FROM)}`);
  }

  serverInfo(id: number): PolicyInfo {
    return { group: 'policy.linkerd.io', kind: 'server', name: `server-${String(id)}` };
  }

  authorizationInfo(id: number): PolicyInfo {
    return { group: 'policy.linkerd.io', kind: 'serverauthorization', name: `authorization-${String(id)}` };
  }

  rateLimitInfo(id: number): PolicyInfo {
    return { group: 'policy.linkerd.io', kind: 'httplocalratelimitpolicy', name: `limit-${String(id)}` };
  }
}

function named(name: string): ResourceInfo {
  return { group: '', kind: '', namespace: '', name, port: '', section: '' };
}
