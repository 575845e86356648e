// Asks the name system once for the endpoints of a controller (reference, proxy behaviour §11): SRV
// records first, whose targets carry their address in the name; when those cannot be had or used,
// the addresses of the name with the configured port.
import { canonicalIp, formatHostPort, type HostPort, type IpAddress } from '../core/ip.js';
import type { ControllerAddress } from './controller-address.js';

export interface SrvTarget {
  readonly target: string;
  readonly port: number;
}

export type NameAnswer<T> =
  /** At least one record, good for `ttlMs`; undefined: not known. */
  | { readonly kind: 'found'; readonly records: readonly T[]; readonly ttlMs: number | undefined }
  /** `retryMs`: how long the absence may be believed; undefined: not known. */
  | { readonly kind: 'failed'; readonly detail: string; readonly retryMs: number | undefined };

/** The name system; the real one is made in system-controller-names.ts. */
export interface ControllerNames {
  /** Never rejects but with the reason of `signal`, when that is aborted. */
  srv(name: string, signal: AbortSignal): Promise<NameAnswer<SrvTarget>>;
  /** Of both families. Rejects as `srv` does. */
  addresses(name: string, signal: AbortSignal): Promise<NameAnswer<IpAddress>>;
}

/** Questions by kind and outcome, as `control_dns_resolutions_total` shows them (§8.6). */
export interface NameCounts {
  readonly srv: { ok: number; notFound: number };
  readonly address: { ok: number; notFound: number };
}

export function nameCounts(): NameCounts {
  return { srv: { ok: 0, notFound: 0 }, address: { ok: 0, notFound: 0 } };
}

/** Rejects only with the reason of `signal`. */
export async function lookUpController(
  names: ControllerNames,
  { host, port }: ControllerAddress,
  counts: NameCounts,
  signal: AbortSignal,
): Promise<NameAnswer<HostPort>> {
  const srv = await names.srv(host, signal);
  counts.srv[srv.kind === 'found' ? 'ok' : 'notFound'] += 1;
  if (srv.kind === 'found') {
    const endpoints = endpointsOfTargets(srv.records);
    if (endpoints !== undefined) return { ...srv, records: endpoints };
  }
  const found = await names.addresses(host, signal);
  counts.address[found.kind === 'found' ? 'ok' : 'notFound'] += 1;
  if (found.kind === 'found') {
    return { ...found, records: distinct(found.records.map((ip) => ({ ip, port }))) };
  }
  const retryMs = found.retryMs ?? (srv.kind === 'failed' ? srv.retryMs : undefined);
  return { kind: 'failed', detail: found.detail, retryMs };
}

/** Undefined when one of them does not carry an address, since then none can be trusted. */
function endpointsOfTargets(targets: readonly SrvTarget[]): readonly HostPort[] | undefined {
  const endpoints: HostPort[] = [];
  for (const { target, port } of targets) {
    const ip = addressInLabel(target.split('.')[0] ?? '');
    if (ip === undefined) return undefined;
    endpoints.push({ ip, port });
  }
  return endpoints.length === 0 ? undefined : distinct(endpoints);
}

/** `10-1-2-3` is 10.1.2.3, `fd00--1` is fd00::1: how Kubernetes names pods without a name. */
function addressInLabel(label: string): IpAddress | undefined {
  return canonicalIp(label.replaceAll('-', '.')) ?? canonicalIp(label.replaceAll('-', ':'));
}

function distinct(endpoints: readonly HostPort[]): readonly HostPort[] {
  return [...new Map(endpoints.map((endpoint) => [formatHostPort(endpoint), endpoint])).values()];
}
