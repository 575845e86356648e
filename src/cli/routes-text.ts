// The answer of /routes.json as text for people: capture, then services with their endpoints, then where
// everything else goes.
import { type EndpointView, type RoutesView, type TargetView } from '../admin/routes-endpoint.js';
import { formatHostPort } from '../core/ip.js';
import { type EndpointLive } from '../dataplane/endpoint-live.js';
import { AdminUnavailableError } from './admin-client.js';
import { routeTableLines } from './route-table-text.js';

function parse(json: string): RoutesView {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    value = undefined;
  }
  if (typeof value === 'object' && value !== null && 'routeTables' in value && 'capture' in value) {
    return value as RoutesView;
  }
  throw new AdminUnavailableError('the answer is not that of sluice');
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const entries = Object.entries(labels);
  return entries.length === 0 ? '' : ` {${entries.map(([key, value]) => `${key}=${value}`).join(', ')}}`;
}

function stateText({ state, ejectedBy }: EndpointLive): string {
  return ejectedBy === undefined ? state : `${state} for ${ejectedBy}`;
}

function endpointText({ address, weight, labels, live }: EndpointView): string {
  const parts = [formatHostPort(address).padEnd(22), `weight ${String(weight)}`];
  if (live === undefined) {
    parts.push('not in use');
  } else {
    parts.push(stateText(live), `${String(live.inFlight)} in flight`, `${String(live.idleConnections)} idle`);
    if (live.ewmaMs > 0) parts.push(`${live.ewmaMs.toFixed(1)} ms`);
    if (live.lastError !== undefined) parts.push(`last error ${live.lastError}`);
    if (live.nextAttemptMs !== undefined) parts.push(`next attempt in ${String(live.nextAttemptMs)} ms`);
  }
  return `${parts.join('  ')}${labelsText(labels)}`;
}

function targetLines(target: TargetView | undefined, indent: string): string[] {
  if (target === undefined) return [`${indent}(no target)`];
  const lines = target.endpoints.map((endpoint) => `${indent}${endpointText(endpoint)}`);
  if (lines.length === 0) lines.push(`${indent}(no endpoints)`);
  if (target.waiting > 0) lines.push(`${indent}${String(target.waiting)} requests wait for an endpoint`);
  return lines;
}

/** Endpoints, or the service whose routes decide: they were shown with it. */
function leadLines(
  view: RoutesView,
  targets: ReadonlyMap<number, TargetView>,
  { targetId, routeTableId }: { readonly targetId: number; readonly routeTableId: number },
  indent: string,
): string[] {
  const table = view.routeTables.find(({ id }) => id === routeTableId);
  if (table !== undefined) return [`${indent}by the routes of ${table.service}:${String(table.port)}`];
  return targetId === 0 ? [] : targetLines(targets.get(targetId), indent);
}

export function routesText(json: string): string {
  const view = parse(json);
  const targets = new Map(view.targets.map((target) => [target.id, target]));
  const lines = [
    `capture      rung ${String(view.capture.rung)}; hooks: ${view.capture.hooks.join(' ') || 'none'}`,
    ...view.capture.listeners.map((listener) => `listener     ${listener}`),
    `connections  ${String(view.connections)}, ${String(view.bufferBytes)} bytes in buffers`,
  ];
  for (const service of view.services) {
    lines.push('', `service ${service.name}  (${service.names.join(', ')})  ${service.addresses.join(', ')}`);
    if (service.dns !== undefined) {
      const failure =
        service.dns.failure === undefined ? '' : `; last look-up failed: ${service.dns.failure}`;
      lines.push(`  endpoints from DNS ${service.dns.records} ${service.dns.name}${failure}`);
    }
    for (const { port, protocol, targetId, routeTableId } of service.ports) {
      const table = view.routeTables.find(({ id }) => id === routeTableId);
      lines.push(
        `  port ${String(port)} (${protocol})`,
        ...(table === undefined ? [] : routeTableLines(table, '    ')),
        ...targetLines(targets.get(targetId), '    '),
      );
    }
  }
  for (const destination of view.destinations) {
    // A service's own were shown above.
    if (destination.kind === 'service') continue;
    const address = destination.address === undefined ? '' : ` ${formatHostPort(destination.address)}`;
    lines.push('', `${destination.kind}${address} (${destination.protocol})`);
    lines.push(...leadLines(view, targets, destination, '  '));
    for (const { authority, ...lead } of destination.authorities) {
      lines.push(`  ${authority}`, ...leadLines(view, targets, lead, '    '));
    }
  }
  return `${lines.join('\n')}\n`;
}
