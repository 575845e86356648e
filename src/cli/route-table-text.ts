// A route table as text for people: hosts with their matches in the order in which requests are compared,
// then what each route does, then where connections that are not HTTP go.
import { GRPC_CODE_NAMES } from '../config/http-words.js';
import type {
  HostMatchConfig,
  NamedMatchConfig,
  RequestMatchConfig,
  RouteFilterConfig,
  StatusRangeConfig,
} from '../config/route-config.js';
import { formatDuration } from '../core/duration.js';
import type { RouteTableView } from '../admin/routes-endpoint.js';

type RuleView = RouteTableView['rules'][number];
type DistributionView = RuleView['distribution'];
type RuleRetry = Exclude<RuleView['retry'], undefined>;

export function routeTableLines({ hosts, rules, tcp, tls = [] }: RouteTableView, indent: string): string[] {
  const lines = hosts.flatMap(({ entries, ...host }) => [
    `${indent}requests for ${hostText(host, 'host')}`,
    ...entries.map(({ match, rule }) => `${indent}  ${matchText(match)} → ${rules[rule]?.name ?? '?'}`),
  ]);
  lines.push(...rules.map((rule) => `${indent}${ruleText(rule)}`));
  lines.push(...tls.map((host) => `${indent}${hostText(host, 'server name')}: ${tcpText(host.route)}`));
  if (tcp !== undefined) lines.push(`${indent}${tcp.name} (not HTTP): ${tcpText(tcp)}`);
  return lines;
}

function hostText({ host, suffix }: HostMatchConfig, what: string): string {
  return host === '' ? `any ${what}` : `${suffix ? '*.' : ''}${host}`;
}

function tcpText({ refusal, distribution }: Exclude<RouteTableView['tcp'], undefined>): string {
  return refusal === undefined ? distributionText(distribution) : 'refused';
}

function matchText(match: RequestMatchConfig | undefined): string {
  if (match === undefined) return 'every request';
  const { path, grpc, method, headers, query, version, all = [], none = [] } = match;
  const parts: string[] = [];
  if (version !== undefined) parts.push(`HTTP/${String(version)}`);
  if (method !== '') parts.push(method);
  if (path !== undefined) parts.push(path.kind === 'exact' ? path.text : `${path.kind} ${path.text}`);
  if (grpc !== undefined) parts.push(`gRPC ${grpc.service || '*'}/${grpc.method || '*'}`);
  for (const { name, value } of headers) parts.push(`header ${name}${valueText(value)}`);
  for (const { name, value } of query) parts.push(`query ${name}${valueText(value)}`);
  parts.push(
    ...all.map((inner) => `(${matchText(inner)})`),
    ...none.map((inner) => `not (${matchText(inner)})`),
  );
  return parts.length === 0 ? 'every request' : parts.join(', ');
}

function valueText({ kind, text }: NamedMatchConfig['value']): string {
  switch (kind) {
    case 'exact':
      return `=${text}`;
    case 'regex':
      return `~${text}`;
    case 'bytes':
      return `=0x${text}`;
  }
}

function ruleText(rule: RuleView): string {
  const { timeouts, retry, filters, allowRequestOverrides, failureStatuses } = rule;
  const parts = filters.map(filterText);
  parts.push(distributionText(rule.distribution));
  for (const [what, ms] of [
    ['request', timeouts.requestMs],
    ['response', timeouts.responseMs],
    ['idle', timeouts.idleMs],
    ['response head', timeouts.headMs ?? 0],
  ] as const) {
    if (ms > 0) parts.push(`${what} time-out ${formatDuration(ms)}`);
  }
  if (retry !== undefined) parts.push(retryText(retry));
  if (allowRequestOverrides) parts.push('requests may override');
  if (failureStatuses.length > 0) parts.push(`failures are ${failureStatuses.map(statusText).join(', ')}`);
  return `${rule.name}: ${parts.join('; ')}`;
}

function distributionText({ kind, backends }: DistributionView): string {
  if (backends.length === 0) return 'to nowhere';
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
    case 'invalid':
      return `refuse everything: ${filter.message}`;
  }
}

function retryText({ limit, responsesOnly, statuses, grpcCodes }: RuleRetry): string {
  const after = [
    ...statuses.map(statusText),
    ...grpcCodes.map((code) => GRPC_CODE_NAMES[code] ?? String(code)),
  ];
  const times = limit === 0 && responsesOnly === true ? 'within the budget' : String(limit);
  return `retry ${times} after ${after.join(', ')}`;
}

function statusText({ first, last }: StatusRangeConfig): string {
  return first === last ? String(first) : `${String(first)}-${String(last)}`;
}
