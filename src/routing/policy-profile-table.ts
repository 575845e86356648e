// The part of a route table that a ServiceProfile gives: its routes in their own order, the first that
// matches decides, and a default route for the rest (reference, behaviour §4.10). All lead to the same place:
// its overrides by weight, or the service itself.
import { DEFAULT_BALANCER, DEFAULT_RETRY, DEFAULT_TIMEOUTS } from '../config/defaults.js';
import type { RouteFilterConfig } from '../config/route-config.js';
import type { PolicyBackend } from '../policy/client-policy.js';
import type { PlannedProfile } from '../policy/outbound-plan.js';
import { builtIn, type ResourceInfo, resourceText } from '../policy/resource-info.js';
import type { ProfileRoute, ServiceProfile } from '../policy/service-profile.js';
import type { BackendUse, PolicyTableNeeds } from './policy-table-needs.js';
import type { RouteDistribution, RouteRule, RouteTable, RuleRetry, TcpRoute } from './route-table.js';

/** Names of services of Kubernetes say what they are; others say nothing (reference, behaviour §15). */
export function resourceOfAuthority(authority: string): ResourceInfo {
  const [host = '', port = ''] = authority.split(':');
  const [name = '', namespace = '', zone] = host.split('.');
  if (zone !== 'svc') return builtIn('unknown');
  return { group: 'core', kind: 'Service', namespace, name, port, section: '' };
}

export function profileRules(
  planned: PlannedProfile,
  needs: PolicyTableNeeds,
): Pick<RouteTable, 'hosts' | 'rules'> {
  const { profile } = planned;
  const distribution = distributionOf(planned, 'http', needs);
  const rules = [...profile.routes, DEFAULT_ROUTE].map((route) =>
    ruleOf(planned, route, distribution, needs),
  );
  const entries = profile.routes.flatMap(({ matches }, rule) => matches.map((match) => ({ match, rule })));
  const last = { match: undefined, rule: profile.routes.length };
  return { hosts: [{ host: '', suffix: false, entries: [...entries, last] }], rules };
}

export function profileConnections(planned: PlannedProfile, needs: PolicyTableNeeds): TcpRoute {
  const parent = resourceOfAuthority(planned.authority);
  return {
    ...needs.ids.route('tcp', parent, builtIn('profile')),
    distribution: distributionOf(planned, 'connections', needs),
    refusal: undefined,
  };
}

/** For what no route matches. */
const DEFAULT_ROUTE: ProfileRoute = {
  matches: [],
  failureStatuses: [],
  timeoutMs: 0,
  retryable: false,
  labels: {},
};

function ruleOf(
  { authority, profile }: PlannedProfile,
  route: ProfileRoute,
  distribution: RouteDistribution,
  { ids }: PolicyTableNeeds,
): RouteRule {
  return {
    ...ids.profileRoute(authority, resourceOfAuthority(authority), route.labels),
    kind: 'profile',
    distribution,
    filters: [canonicalName(authority)],
    timeouts: { requestMs: 0, responseMs: 0, idleMs: 0, headMs: route.timeoutMs },
    retry: retryOf(route, profile),
    allowRequestOverrides: false,
    failureStatuses: route.failureStatuses,
    budgetId: ids.budget(authority),
  };
}

/** Proxies of the mesh tell by it which service a request was for. */
function canonicalName(authority: string): RouteFilterConfig {
  const set = [{ name: 'l5d-dst-canonical', value: authority }];
  return { kind: 'requestHeaders', add: [], set, remove: [] };
}

/** What counts as a failure of gRPC (reference, behaviour §4.11). */
const FAILED_GRPC_CODES: readonly number[] = [2, 4, 7, 13, 14, 15];

/** Nothing limits the number of tries but the budget. */
function retryOf(
  { retryable, failureStatuses: statuses }: ProfileRoute,
  { retryBudget }: ServiceProfile,
): RuleRetry | undefined {
  if (!retryable || retryBudget === undefined) return undefined;
  return {
    limit: 0,
    statuses,
    grpcCodes: FAILED_GRPC_CODES,
    timeoutMs: 0,
    maxBodyBytes: DEFAULT_RETRY.maxBodyBytes,
    backoff: undefined,
    budget: retryBudget,
    responsesOnly: true,
  };
}

function distributionOf(
  { authority, profile }: PlannedProfile,
  traffic: BackendUse['traffic'],
  needs: PolicyTableNeeds,
): RouteDistribution {
  const overrides = profile.overrides.length > 0 ? profile.overrides : [{ authority, weight: 1 }];
  return {
    kind: overrides.length < 2 ? 'first' : 'random',
    backends: overrides.map(({ authority: path, weight }) => {
      const backend = balancerOf(path);
      return {
        id: needs.ids.backend(backend.meta),
        name: resourceText(backend.meta),
        targetId: needs.targetOf({ backend, traffic, failureAccrual: undefined }),
        weight,
        filters: [],
      };
    }),
  };
}

function balancerOf(path: string): PolicyBackend {
  const { defaultRttMs, decayMs, queueCapacity } = DEFAULT_BALANCER;
  return {
    meta: resourceOfAuthority(path),
    dispatcher: { kind: 'balance', path, defaultRttMs, decayMs, penalty: undefined },
    queue: { capacity: queueCapacity, failFastMs: DEFAULT_TIMEOUTS.failFastMs },
  };
}
