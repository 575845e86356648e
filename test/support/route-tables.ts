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
  type TcpRouteSchema,
} from '../../src/dataplane/gen/contract_pb.js';
import type {
  PolicyDirectory,
  PolicyInfo,
  ResourceInfo,
  RouteDirectory,
  RouteInfo,
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

/** For connections that are not HTTP. */
export function connectionRoute(id: number, targetId: number): Init<typeof TcpRouteSchema> {
  return {
    id,
    name: `TLSRoute.web.r${String(id)}`,
    distribution: { kind: DistributionKind.FIRST_AVAILABLE, backends: [backend(targetId)] },
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

const KINDS = {
  [RouteKind.ROUTE_HTTP]: 'http',
  [RouteKind.ROUTE_GRPC]: 'grpc',
  [RouteKind.ROUTE_PROFILE]: 'profile',
} as const;

/**
 * What the rules of tables that were put mean in metrics: the route is named by its id, and belongs to the
 * profile of `web.mesh:80` where it is one of a profile.
 */
export class RouteNames implements RouteDirectory, PolicyDirectory {
  readonly #kinds = new Map<number, RouteInfo['kind']>();

  learn({ rules = [], tls = [] }: TableInit): void {
    for (const { id = 0, kind = RouteKind.ROUTE_HTTP } of rules) this.#kinds.set(id, KINDS[kind]);
    for (const { route } of tls) this.#kinds.set(route?.id ?? 0, 'tls');
  }

  routeInfo(id: number): RouteInfo {
    const kind = this.#kinds.get(id) ?? 'http';
    const name = String(id);
    return {
      kind,
      name,
      parent: named('web'),
      route: { group: '', kind: '', namespace: '', name },
      ...(kind === 'profile' ? { profile: { dst: 'web.mesh:80', labels: { route: name } } } : {}),
    };
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
