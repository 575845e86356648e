// The precedence of routes, decided beforehand: the data plane takes the first entry that matches. Why
// this order: docs/decisions/0010-routes-are-ordered-beforehand.md.
import type { HostMatchConfig, RequestMatchConfig, RouteConfig } from '../config/route-config.js';

export interface OrderedEntry {
  /** Undefined: every request. */
  readonly match: RequestMatchConfig | undefined;
  /** Index of the rule; where rules come from a mesh file, also of the route. */
  readonly rule: number;
}

export interface OrderedHost extends HostMatchConfig {
  readonly entries: readonly OrderedEntry[];
}

/** What decides of a rule which requests come to it. */
export type RoutedRule = Pick<RouteConfig, 'hosts' | 'matches'>;

/** Any host, and requests without one. */
const ANY_HOST: HostMatchConfig = { host: '', suffix: false };

/** What a request must say, from the most telling to the least; larger goes first. */
type Rank = readonly number[];

/** Exact hosts, then suffixes from the longest to the shortest, then any host. */
export function orderRoutes(routes: readonly RoutedRule[]): readonly OrderedHost[] {
  const hosts = new Map<string, { readonly host: HostMatchConfig; readonly entries: OrderedEntry[] }>();
  for (const [rule, route] of routes.entries()) {
    const matches = route.matches.length === 0 ? [undefined] : route.matches;
    for (const host of route.hosts.length === 0 ? [ANY_HOST] : route.hosts) {
      const key = `${host.suffix ? '*.' : ''}${host.host}`;
      let known = hosts.get(key);
      if (known === undefined) hosts.set(key, (known = { host, entries: [] }));
      known.entries.push(...matches.map((match) => ({ match, rule })));
    }
  }
  return [...hosts.values()]
    .map(({ host, entries }) => ({ ...host, entries: inOrder(entries) }))
    .toSorted((one, other) => compareRanks(hostRank(one), hostRank(other)));
}

/** Equal ranks stay in the order of the file: sorting is stable. */
function inOrder(entries: readonly OrderedEntry[]): readonly OrderedEntry[] {
  return entries.toSorted((one, other) => compareRanks(matchRank(one.match), matchRank(other.match)));
}

function hostRank({ host, suffix }: HostMatchConfig): Rank {
  return [host === '' ? 0 : 1, suffix ? 0 : 1, host.length];
}

function matchRank(match: RequestMatchConfig | undefined): Rank {
  if (match === undefined) return [...WHOLE_TREE, 0, 0, 0];
  return [...pathRank(match), match.headers.length, match.query.length, match.method === '' ? 0 : 1];
}

/** `/`, and no path at all, which is the same. */
const WHOLE_TREE: Rank = [0, 1, 0];

/** Whether the whole path is said, the length of the part that is, and that of a gRPC method. */
function pathRank({ path, grpc }: RequestMatchConfig): Rank {
  if (grpc !== undefined) {
    const { service, method } = grpc;
    const whole = service !== '' && method !== '';
    return whole ? [1, 0, 0] : [0, 1 + service.length, method.length];
  }
  if (path === undefined) return WHOLE_TREE;
  if (path.kind !== 'prefix') return [1, 0, 0];
  return [0, Math.max(1, path.text.replace(/\/+$/, '').length), 0];
}

/** Negative: `one` goes first. */
function compareRanks(one: Rank, other: Rank): number {
  for (const [index, value] of one.entries()) {
    const difference = (other[index] ?? 0) - value;
    if (difference !== 0) return difference;
  }
  return 0;
}
