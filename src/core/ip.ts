// IP addresses, networks and `address:port` as text and as bytes. Text that leaves here is canonical:
// dotted IPv4, or IPv6 in the form of RFC 5952 without brackets and zone; IPv4-mapped IPv6 addresses
// (RFC 4291 §2.5.5.2) become IPv4, since the border knows them only so. Equal addresses have equal text.
import { isIPv4, isIPv6 } from 'node:net';

/** IPv4 in dotted or IPv6 in RFC 5952 form, without brackets. */
export type IpAddress = string;

export interface HostPort {
  readonly ip: IpAddress;
  readonly port: number;
}

export interface Network {
  readonly ip: IpAddress;
  readonly prefixLength: number;
}

export const LARGEST_PORT = 65_535;

/** 4 or 16 bytes in network order, or undefined when `text` is not an address. */
export function parseIp(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number);
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const bytes = parseIpv6(text);
  return isMapped(bytes) ? bytes.slice(12) : bytes;
}

/** Canonical text of 4 or 16 bytes. */
export function formatIp(bytes: Uint8Array): IpAddress {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) throw new RangeError(`an address has 4 or 16 bytes, not ${String(bytes.length)}`);
  if (isMapped(bytes)) return bytes.subarray(12).join('.');
  return formatIpv6(bytes);
}

/** The canonical text of an address, or undefined when it is none. */
export function canonicalIp(text: string): IpAddress | undefined {
  const bytes = parseIp(text);
  return bytes === undefined ? undefined : formatIp(bytes);
}

/** Bytes of an address known to be one; anything else is a bug of the caller. */
export function ipBytes(ip: IpAddress): Uint8Array {
  const bytes = parseIp(ip);
  if (bytes === undefined) throw new TypeError(`not an IP address: ${ip}`);
  return bytes;
}

export function ipFamily(ip: IpAddress): 4 | 6 {
  return ip.includes(':') ? 6 : 4;
}

export function isLoopback(ip: IpAddress): boolean {
  return ip === '::1' || (ipFamily(ip) === 4 && ip.startsWith('127.'));
}

/** 0.0.0.0 and ::, which name no peer. */
export function isUnspecified(ip: IpAddress): boolean {
  return ip === '0.0.0.0' || ip === '::';
}

export function isMulticastOrBroadcast(ip: IpAddress): boolean {
  const first = ipBytes(ip)[0] ?? 0;
  return ipFamily(ip) === 4 ? (first >= 224 && first <= 239) || ip === '255.255.255.255' : first === 0xff;
}

/** A port as text: decimal digits, 0 to 65535. */
export function parsePort(text: string): number | undefined {
  if (!/^\d{1,5}$/.test(text)) return undefined;
  const port = Number(text);
  return port <= LARGEST_PORT ? port : undefined;
}

/** Splits `host:port` and `[host]:port`; a bare IPv6 address has no port. Neither part is checked. */
export function splitHostPort(text: string): { readonly host: string; readonly port: string | undefined } {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  if (bracketed !== null) return { host: bracketed[1] ?? '', port: bracketed[2] };
  const colon = text.indexOf(':');
  if (colon < 0 || colon !== text.lastIndexOf(':')) return { host: text, port: undefined };
  return { host: text.slice(0, colon), port: text.slice(colon + 1) };
}

/** `127.0.0.1:80` or `[::1]:80`, or undefined. */
export function parseHostPort(text: string): HostPort | undefined {
  const { host, port: portText } = splitHostPort(text);
  if (portText === undefined || host.includes(':') !== text.startsWith('[')) return undefined;
  const ip = canonicalIp(host);
  const port = parsePort(portText);
  return ip === undefined || port === undefined ? undefined : { ip, port };
}

/** The inverse of `parseHostPort`; also the key of an address in maps. */
export function formatHostPort(address: HostPort): string {
  const ip = ipFamily(address.ip) === 6 ? `[${address.ip}]` : address.ip;
  return `${ip}:${String(address.port)}`;
}

/** `10.0.0.0/8`, or an address alone for a network of one; undefined when it is neither. */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf('/');
  const ip = canonicalIp(slash < 0 ? text : text.slice(0, slash));
  if (ip === undefined) return undefined;
  const bits = ipFamily(ip) === 4 ? 32 : 128;
  if (slash < 0) return { ip, prefixLength: bits };
  const lengthText = text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(lengthText) || Number(lengthText) > bits) return undefined;
  return { ip, prefixLength: Number(lengthText) };
}

export function formatNetwork(network: Network): string {
  return `${network.ip}/${String(network.prefixLength)}`;
}

/** The same network with every bit after the prefix cleared. */
export function maskNetwork(network: Network): Network {
  const bytes = ipBytes(network.ip);
  const masked = bytes.map((byte, index) => byte & maskByte(network.prefixLength - index * 8));
  return { ip: formatIp(masked), prefixLength: network.prefixLength };
}

export function networkContains(network: Network, ip: IpAddress): boolean {
  const own = ipBytes(network.ip);
  const other = ipBytes(ip);
  if (own.length !== other.length) return false;
  return own.every((byte, index) => {
    const mask = maskByte(network.prefixLength - index * 8);
    return (byte & mask) === ((other[index] ?? 0) & mask);
  });
}

/** The first `bits` bits of a byte set; fewer than 0 and more than 8 are taken as those. */
function maskByte(bits: number): number {
  return (0xff << (8 - Math.min(8, Math.max(0, bits)))) & 0xff;
}

function isMapped(bytes: Uint8Array): boolean {
  return bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
}

/** `text` is known to be IPv6. */
function parseIpv6(text: string): Uint8Array {
  const [headText = '', tailText] = text.split('::');
  const head = groupsOf(headText);
  const tail = tailText === undefined ? [] : groupsOf(tailText);
  const groups = [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

/** 16-bit groups of one side of `::`; a dotted end (RFC 4291 §2.2 form 3) is two of them. */
function groupsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((part) => {
    if (!part.includes('.')) return [Number.parseInt(part, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = part.split('.').map(Number);
    return [(a << 8) | b, (c << 8) | d];
  });
}

function formatIpv6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, index) => {
    return ((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0);
  });
  const zeros = longestZeroRun(groups);
  const hex = (part: number[]): string => part.map((group) => group.toString(16)).join(':');
  // RFC 5952 §4.2.2: a single zero group is not shortened.
  if (zeros.length < 2) return hex(groups);
  return `${hex(groups.slice(0, zeros.start))}::${hex(groups.slice(zeros.start + zeros.length))}`;
}

/** RFC 5952 §4.2.3: the longest run, the first of equals. */
function longestZeroRun(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start };
  }
  return best;
}
