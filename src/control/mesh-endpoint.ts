// One endpoint as the control plane describes it: a valid address with what is known of who listens
// there. Made from a message of the API; what cannot be used of the message is left out (reference,
// wire API §3 WeightedAddr, §4).
import { formatHostPort, type HostPort } from '../core/ip.js';
import type { WeightedAddr } from '../api/gen/destination_pb.js';
import { toHostPort } from '../api/net-values.js';
import { toMilliseconds } from '../api/duration-values.js';

/** Who must be there, proven by a certificate. */
export interface EndpointIdentity {
  readonly kind: 'dns' | 'uri';
  readonly id: string;
  /** SNI to send. */
  readonly serverName: string;
}

/** PINGs on HTTP/2 connections to it. */
export interface EndpointKeepalive {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly whileIdle: boolean;
}

export interface MeshEndpoint {
  readonly address: HostPort;
  readonly weight: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Undefined: connections to it are in clear. */
  readonly identity: EndpointIdentity | undefined;
  /** `h2`: takes HTTP/1 carried over HTTP/2. `opaque`: its proxy must not look into connections. */
  readonly hint: 'none' | 'h2' | 'opaque';
  /** Port of its proxy that takes connections with a transport header. */
  readonly opaqueTransportPort: number | undefined;
  /** `host[:port]` that requests to it are to carry. */
  readonly authorityOverride: string | undefined;
  readonly keepalive: EndpointKeepalive | undefined;
}

const LARGEST_TRANSPORT_PORT = 65_534;
const DNS_NAME =
  /^(?=.{1,253}\.?$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?$/i;
const AUTHORITY = /^(\[[0-9a-f:.]+\]|[a-z0-9._~!$&'()*+,;=%-]+)(:\d{1,5})?$/i;

/** `setLabels` are those of the set it came in. Undefined: it has no usable address. */
export function meshEndpoint(
  message: WeightedAddr,
  setLabels: Readonly<Record<string, string>> = {},
): MeshEndpoint | undefined {
  const address = toHostPort(message.addr);
  if (address === undefined) return undefined;
  const hint = message.protocolHint;
  const transportPort = hint?.opaqueTransport?.inboundPort ?? 0;
  const override = message.authorityOverride?.authorityOverride ?? '';
  return {
    address,
    weight: message.weight,
    labels: { ...setLabels, ...message.metricLabels },
    identity: identityOf(message),
    hint: hint?.protocol.case ?? 'none',
    opaqueTransportPort:
      transportPort >= 1 && transportPort <= LARGEST_TRANSPORT_PORT ? transportPort : undefined,
    authorityOverride: AUTHORITY.test(override) ? override : undefined,
    keepalive: keepaliveOf(message),
  };
}

export function endpointKey(endpoint: Pick<MeshEndpoint, 'address'>): string {
  return formatHostPort(endpoint.address);
}

/** All or nothing: what cannot be verified is spoken to in clear, as the reference does. */
function identityOf({ tlsIdentity }: WeightedAddr): EndpointIdentity | undefined {
  const strategy = tlsIdentity?.strategy;
  const serverName = tlsIdentity?.serverName?.name;
  if (serverName !== undefined && !DNS_NAME.test(serverName)) return undefined;
  switch (strategy?.case) {
    case 'dnsLikeIdentity': {
      const id = strategy.value.name;
      return DNS_NAME.test(id) ? { kind: 'dns', id, serverName: serverName ?? id } : undefined;
    }
    case 'uriLikeIdentity': {
      const id = strategy.value.uri;
      return URL.canParse(id) && serverName !== undefined ? { kind: 'uri', id, serverName } : undefined;
    }
    default:
      return undefined;
  }
}

function keepaliveOf({ http2 }: WeightedAddr): EndpointKeepalive | undefined {
  const intervalMs = toMilliseconds(http2?.keepAlive?.interval);
  const timeoutMs = toMilliseconds(http2?.keepAlive?.timeout);
  if (intervalMs === undefined || timeoutMs === undefined) return undefined;
  return { intervalMs, timeoutMs, whileIdle: http2?.keepAlive?.whileIdle ?? false };
}
