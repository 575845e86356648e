// The authority of a request (RFC 9110 §7.2, RFC 3986 §3.2) taken apart: host[:port] in lower case.
import { canonicalIp, parsePort, splitHostPort, type IpAddress } from '../core/ip.js';
import { parseHostName } from '../config/host-name.js';

/** Port of an authority without one: these are http requests. */
export const DEFAULT_HTTP_PORT = 80;

export type Host =
  { readonly kind: 'name'; readonly name: string } | { readonly kind: 'ip'; readonly ip: IpAddress };

export interface Authority {
  readonly host: Host;
  readonly port: number | undefined;
}

/** Undefined when it names nothing that could be reached. */
export function parseAuthority(text: string): Authority | undefined {
  const { host: hostText, port: portText } = splitHostPort(text);
  // RFC 3986 §3.2.3: an empty port is the same as none.
  const port = portText === undefined || portText === '' ? undefined : parsePort(portText);
  if (port === 0 || (port === undefined && portText !== undefined && portText !== '')) return undefined;
  const ip = canonicalIp(hostText);
  if (ip !== undefined) return { host: { kind: 'ip', ip }, port };
  const name = parseHostName(hostText);
  return name === undefined ? undefined : { host: { kind: 'name', name }, port };
}
