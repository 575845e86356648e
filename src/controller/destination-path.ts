// The path of a question about a destination: `name:port` or `ip:port`; without a port 80 is meant
// (reference, wire API §3 GetDestination).
import { parseHostName } from '../config/host-name.js';
import { canonicalIp, type HostPort, parsePort, splitHostPort } from '../core/ip.js';

const DEFAULT_PORT = 80;

export type DestinationPath =
  | { readonly kind: 'name'; readonly name: string; readonly port: number }
  | { readonly kind: 'address'; readonly address: HostPort };

/** Undefined when it is neither. */
export function parseDestinationPath(text: string): DestinationPath | undefined {
  const { host, port: portText } = splitHostPort(text);
  const port = portText === undefined ? DEFAULT_PORT : parsePort(portText);
  if (port === undefined || port === 0) return undefined;
  const ip = canonicalIp(host);
  if (ip !== undefined) return { kind: 'address', address: { ip, port } };
  const name = parseHostName(host);
  return name === undefined ? undefined : { kind: 'name', name, port };
}
