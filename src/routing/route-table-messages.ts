// A route table as the message of the border. Decides nothing.
import type { MessageInitShape } from '@bufbuild/protobuf';

import type {
  NamedMatchConfig,
  RequestMatchConfig,
  RetryConfig,
  RouteFilterConfig,
  TextMatchConfig,
} from '../config/route-config.js';
import {
  type DistributionSchema,
  DistributionKind,
  type PutRouteTableSchema,
  Reason,
  type RequestMatchSchema,
  type RetrySchema,
  type RouteFilterSchema,
  type RouteHostSchema,
  RouteKind,
  type RouteRuleSchema,
} from '../dataplane/gen/contract_pb.js';
import type { RouteDistribution, RouteRule, RouteTable } from './route-table.js';
import type { OrderedHost } from './route-table-order.js';

type RequestMatchInit = MessageInitShape<typeof RequestMatchSchema>;
type RouteFilterInit = MessageInitShape<typeof RouteFilterSchema>;

export function routeTableMessage(
  id: number,
  table: RouteTable,
): MessageInitShape<typeof PutRouteTableSchema> {
  const { hosts, rules, tcp } = table;
  return {
    id,
    hosts: hosts.map(hostMessage),
    rules: rules.map(ruleMessage),
    tcp: {
      id: tcp.id,
      name: tcp.name,
      distribution: distributionMessage(tcp.distribution),
      refusal: tcp.forbid ? Reason.FORBIDDEN : Reason.NONE,
    },
  };
}

function ruleMessage(rule: RouteRule): MessageInitShape<typeof RouteRuleSchema> {
  return {
    id: rule.id,
    name: rule.name,
    kind: rule.kind === 'grpc' ? RouteKind.ROUTE_GRPC : RouteKind.ROUTE_HTTP,
    filters: rule.filters.map(filterMessage),
    distribution: distributionMessage(rule.distribution),
    timeouts: { ...rule.timeouts },
    ...(rule.retry === undefined ? {} : { retry: retryMessage(rule.retry, rule.budgetId) }),
    allowRequestOverrides: rule.allowRequestOverrides,
    failureStatuses: rule.failureStatuses.map((range) => ({ ...range })),
  };
}

function distributionMessage({
  kind,
  backends,
}: RouteDistribution): MessageInitShape<typeof DistributionSchema> {
  return {
    kind: kind === 'first' ? DistributionKind.FIRST_AVAILABLE : DistributionKind.RANDOM_AVAILABLE,
    backends: backends.map((backend) => ({ ...backend, filters: backend.filters.map(filterMessage) })),
  };
}

function hostMessage({ host, suffix, entries }: OrderedHost): MessageInitShape<typeof RouteHostSchema> {
  return {
    host,
    suffix,
    entries: entries.map(({ match, rule }) => ({
      ...(match === undefined ? {} : { match: matchMessage(match) }),
      rule,
    })),
  };
}

function matchMessage(match: RequestMatchConfig): RequestMatchInit {
  const path = pathMessage(match);
  return {
    ...(path === undefined ? {} : { path }),
    method: match.method,
    headers: match.headers.map(namedMessage),
    queries: match.query.map(namedMessage),
  };
}

function pathMessage({ path, grpc }: RequestMatchConfig): RequestMatchInit['path'] {
  if (grpc !== undefined) return { case: 'grpc', value: { ...grpc } };
  switch (path?.kind) {
    case undefined:
      return undefined;
    case 'exact':
      return { case: 'pathExact', value: path.text };
    case 'prefix':
      return { case: 'pathPrefix', value: path.text };
    case 'regex':
      return { case: 'pathRegex', value: path.text };
  }
}

interface NamedMessage {
  readonly name: string;
  readonly value: { readonly case: TextMatchConfig['kind']; readonly value: string };
}

function namedMessage({ name, value }: NamedMatchConfig): NamedMessage {
  return { name, value: { case: value.kind, value: value.text } };
}

function filterMessage(filter: RouteFilterConfig): RouteFilterInit {
  switch (filter.kind) {
    case 'requestHeaders':
    case 'responseHeaders': {
      const value = {
        add: filter.add.map((header) => ({ ...header })),
        set: filter.set.map((header) => ({ ...header })),
        remove: [...filter.remove],
      };
      return { kind: { case: filter.kind, value } };
    }
    case 'redirect': {
      const { status, scheme, host, port, path } = filter;
      const replaced =
        path === undefined
          ? {}
          : {
              path: {
                case: path.kind === 'whole' ? ('replacePath' as const) : ('replacePrefix' as const),
                value: path.text,
              },
            };
      const value = { status, scheme: scheme ?? '', host: host ?? '', port: port ?? 0, ...replaced };
      return { kind: { case: 'redirect', value } };
    }
    case 'fail': {
      const { numerator, denominator, answer, message } = filter;
      const failure =
        answer.kind === 'http'
          ? { case: 'http' as const, value: { status: answer.status, message } }
          : { case: 'grpc' as const, value: { code: answer.code, message } };
      return { kind: { case: 'inject', value: { numerator, denominator, failure } } };
    }
  }
}

function retryMessage(retry: RetryConfig, budgetId: number): MessageInitShape<typeof RetrySchema> {
  const { budget, backoff } = retry;
  return {
    maxRetries: retry.limit,
    maxRequestBytes: BigInt(retry.maxBodyBytes),
    statuses: retry.statuses.map((range) => ({ ...range })),
    grpcCodes: [...retry.grpcCodes],
    timeoutMs: retry.timeoutMs,
    ...(backoff === undefined ? {} : { backoff: { ...backoff } }),
    ...(budget === undefined
      ? {}
      : {
          budget: {
            id: budgetId,
            ratio: budget.ratio,
            minRetriesPerSecond: budget.minPerSecond,
            ttlMs: budget.ttlMs,
          },
        }),
  };
}
