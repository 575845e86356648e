// A route table as text for people: hosts with their matches in the order in which requests are compared,
// then what each route does, then where connections that are not HTTP go.
import { GRPC_CODE_NAMES } from '../config/http-words.js';
import type {
  RequestMatchConfig,
  RetryConfig,
  RouteFilterConfig,
  StatusRangeConfig,
  TextMatchConfig,
} from '../config/route-config.js';
import { formatDuration } from '../core/duration.js';
import type { RouteTableView } from '../admin/routes-endpoint.js';

type RuleView = RouteTableView['rules'][number];
type DistributionView = RuleView['distribution'];

export function routeTableLines({ hosts, rules, tcp }: RouteTableView, indent: string): string[] {
  const lines = hosts.flatMap(({ host, suffix, entries }) => [
    `${indent}requests for ${host === '' ? 'any host' : `${suffix ? '*.' : ''}${host}`}`,
    ...entries.map(({ match, rule }) => `${indent}  ${matchText(match)} → ${rules[rule]?.name ?? '?'}`),
  ]);
  lines.push(...rules.map((rule) => `${indent}${ruleText(rule)}`));
  const connections = tcp.forbid ? 'refused' : distributionText(tcp.distribution);
  lines.push(`${indent}${tcp.name} (not HTTP): ${connections}`);
  return lines;
}

function matchText(match: RequestMatchConfig | undefined): string {
  if (match === undefined) return 'every request';
  const { path, grpc, method, headers, query } = match;
  const parts: string[] = [];
  if (method !== '') parts.push(method);
  if (path !== undefined) parts.push(path.kind === 'exact' ? path.text : `${path.kind} ${path.text}`);
  if (grpc !== undefined) parts.push(`gRPC ${grpc.service || '*'}/${grpc.method || '*'}`);
  for (const { name, value } of headers) parts.push(`header ${name}${valueText(value)}`);
  for (const { name, value } of query) parts.push(`query ${name}${valueText(value)}`);
  return parts.length === 0 ? 'every request' : parts.join(', ');
}

function valueText({ kind, text }: TextMatchConfig): string {
  return kind === 'exact' ? `=${text}` : `~${text}`;
}

function ruleText(rule: RuleView): string {
  const { timeouts, retry, filters, allowRequestOverrides, failureStatuses } = rule;
  const parts = filters.map(filterText);
  parts.push(distributionText(rule.distribution));
  for (const [what, ms] of [
    ['request', timeouts.requestMs],
    ['response', timeouts.responseMs],
    ['idle', timeouts.idleMs],
  ] as const) {
    if (ms > 0) parts.push(`${what} time-out ${formatDuration(ms)}`);
  }
  if (retry !== undefined) parts.push(retryText(retry));
  if (allowRequestOverrides) parts.push('requests may override');
  if (failureStatuses.length > 0) parts.push(`failures are ${failureStatuses.map(statusText).join(', ')}`);
  return `${rule.name}: ${parts.join('; ')}`;
}

function distributionText({ kind, backends }: DistributionView): string {
  const texts = backends.map(({ name, weight, filters }) => {
    const more = filters.length === 0 ? '' : ` (${filters.map(filterText).join('; ')})`;
    return `${name}${kind === 'first' || backends.length === 1 ? '' : ` weight ${String(weight)}`}${more}`;
  });
  return `to ${texts.join(kind === 'first' ? ', else ' : ', ')}`;
}

function filterText(filter: RouteFilterConfig): string {
  switch (filter.kind) {
    case 'requestHeaders':
    case 'responseHeaders': {
      const parts = [
        ...filter.add.map(({ name }) => `add ${name}`),
        ...filter.set.map(({ name }) => `set ${name}`),
        ...filter.remove.map((name) => `remove ${name}`),
      ];
      return `${filter.kind === 'requestHeaders' ? 'request' : 'response'} headers ${parts.join(', ')}`;
    }
    case 'redirect': {
      const { scheme, host, port, path } = filter;
      const parts = [scheme, host, port, path?.text].filter((part) => part !== undefined);
      return `redirect ${String(filter.status)} to ${parts.join(' ')}`;
    }
    case 'fail': {
      const { numerator, denominator, answer } = filter;
      const what =
        answer.kind === 'http'
          ? String(answer.status)
          : `gRPC ${GRPC_CODE_NAMES[answer.code] ?? String(answer.code)}`;
      return `fail ${String((numerator / denominator) * 100)} % with ${what}`;
    }
  }
}

function retryText({ limit, statuses, grpcCodes }: RetryConfig): string {
  const after = [
    ...statuses.map(statusText),
    ...grpcCodes.map((code) => GRPC_CODE_NAMES[code] ?? String(code)),
  ];
  return `retry ${String(limit)} after ${after.join(', ')}`;
}

function statusText({ first, last }: StatusRangeConfig): string {
  return first === last ? String(first) : `${String(first)}-${String(last)}`;
}
