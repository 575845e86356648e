// A route table as the message of the border. Decides nothing.
import type { MessageInitShape } from '@bufbuild/protobuf';

import type { NamedMatchConfig, RequestMatchConfig, RouteFilterConfig } from '../config/route-config.js';
import {
  type DistributionSchema,
  DistributionKind,
  type HeaderMatchSchema,
  type PutRouteTableSchema,
  type QueryMatchSchema,
  Reason,
  type RequestMatchSchema,
  type RetrySchema,
  type RouteFilterSchema,
  type RouteHostSchema,
  RouteKind,
  type RouteRuleSchema,
  type StreamTimeoutsSchema,
  type TcpRouteSchema,
} from '../dataplane/gen/contract_pb.js';
import type {
  RouteDistribution,
  RouteRule,
  RouteTable,
  RuleRetry,
  RuleTimeouts,
  TcpRoute,
} from './route-table.js';
import type { OrderedHost } from './route-table-order.js';
import { serverMessage } from './route-table-server-message.js';

type RequestMatchInit = MessageInitShape<typeof RequestMatchSchema>;
type RouteFilterInit = MessageInitShape<typeof RouteFilterSchema>;

export function routeTableMessage(
  id: number,
  table: RouteTable,
): MessageInitShape<typeof PutRouteTableSchema> {
  const { hosts, rules, tcp, tls = [], server } = table;
  return {
    id,
    hosts: hosts.map(hostMessage),
    rules: rules.map(ruleMessage),
    ...(tcp === undefined ? {} : { tcp: tcpMessage(tcp) }),
    tls: tls.map(({ host, suffix, route }) => ({ host, suffix, route: tcpMessage(route) })),
    ...(server === undefined ? {} : { server: serverMessage(server) }),
  };
}

const REFUSALS = { forbidden: Reason.FORBIDDEN, invalid: Reason.INVALID_POLICY } as const;

function tcpMessage(route: TcpRoute): MessageInitShape<typeof TcpRouteSchema> {
  return {
    id: route.id,
    name: route.name,
    distribution: distributionMessage(route.distribution),
    refusal: route.refusal === undefined ? Reason.NONE : REFUSALS[route.refusal],
    authorizations: [...(route.authorizations ?? [])],
  };
}

const RULE_KINDS = {
  http: RouteKind.ROUTE_HTTP,
  grpc: RouteKind.ROUTE_GRPC,
  profile: RouteKind.ROUTE_PROFILE,
} as const;

function ruleMessage(rule: RouteRule): MessageInitShape<typeof RouteRuleSchema> {
  return {
    id: rule.id,
    name: rule.name,
    kind: RULE_KINDS[rule.kind],
    filters: rule.filters.map(filterMessage),
    distribution: distributionMessage(rule.distribution),
    timeouts: timeoutsMessage(rule.timeouts),
    ...(rule.retry === undefined ? {} : { retry: retryMessage(rule.retry, rule.budgetId) }),
    allowRequestOverrides: rule.allowRequestOverrides,
    failureStatuses: rule.failureStatuses.map((range) => ({ ...range })),
    authorizations: [...(rule.authorizations ?? [])],
  };
}

function timeoutsMessage(timeouts: RuleTimeouts): MessageInitShape<typeof StreamTimeoutsSchema> {
  const { requestMs, responseMs, idleMs, headMs = 0 } = timeouts;
  return { requestMs, responseMs, idleMs, headMs };
}

const DISTRIBUTION_KINDS = {
  empty: DistributionKind.DISTRIBUTION_EMPTY,
  first: DistributionKind.FIRST_AVAILABLE,
  random: DistributionKind.RANDOM_AVAILABLE,
} as const;

function distributionMessage({
  kind,
  backends,
}: RouteDistribution): MessageInitShape<typeof DistributionSchema> {
  return {
    kind: DISTRIBUTION_KINDS[kind],
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
    headers: match.headers.map(headerMessage),
    queries: match.query.map(queryMessage),
    httpVersion: match.version ?? 0,
    all: (match.all ?? []).map(matchMessage),
    none: (match.none ?? []).map(matchMessage),
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

function headerMessage({ name, value }: NamedMatchConfig): MessageInitShape<typeof HeaderMatchSchema> {
  switch (value.kind) {
    case 'exact':
      return { name, value: { case: 'exact', value: Buffer.from(value.text) } };
    case 'bytes':
      return { name, value: { case: 'exact', value: Buffer.from(value.text, 'hex') } };
    case 'regex':
      return { name, value: { case: 'regex', value: value.text } };
  }
}

/** Queries are text. */
function queryMessage({ name, value }: NamedMatchConfig): MessageInitShape<typeof QueryMatchSchema> {
  return { name, value: { case: value.kind === 'regex' ? 'regex' : 'exact', value: value.text } };
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
    case 'invalid':
      return { kind: { case: 'invalid', value: filter.message } };
  }
}

function retryMessage(retry: RuleRetry, budgetId: number): MessageInitShape<typeof RetrySchema> {
  const { budget, backoff } = retry;
  return {
    maxRetries: retry.limit,
    maxRequestBytes: BigInt(retry.maxBodyBytes),
    statuses: retry.statuses.map((range) => ({ ...range })),
    grpcCodes: [...retry.grpcCodes],
    timeoutMs: retry.timeoutMs,
    responsesOnly: retry.responsesOnly ?? false,
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
