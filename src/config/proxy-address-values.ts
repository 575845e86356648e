// Grammars of addresses, ports, networks and names in LINKERD2_PROXY_* variables (reference, proxy
// behaviour §1.2). Addresses leave here in canonical form, names in lower case.
import {
  canonicalIp,
  formatHostPort,
  type HostPort,
  type IpAddress,
  isLoopback,
  type Network,
  parseHostPort,
  parseNetwork,
  parsePort,
  splitHostPort,
} from '../core/ip.js';
import { type PortRange } from '../core/ports.js';
import { failure, success } from '../core/result.js';
import { parseHostName } from './host-name.js';
import { type Grammar, grammar } from './proxy-values.js';

/** Where a controller is: an address, or a name to be looked up. */
export type ServiceAddress =
  | { readonly kind: 'address'; readonly address: HostPort }
  /** A dot at the end of the name is kept: it says that no search list applies. */
  | { readonly kind: 'name'; readonly name: string; readonly port: number };

/** A proven name: of DNS (without a dot at its end), or a URI such as `spiffe://root/workload`. */
export interface ProxyId {
  readonly kind: 'dns' | 'uri';
  readonly id: string;
}

function parseDnsName(text: string): string | undefined {
  const name = parseHostName(text);
  return name === undefined || !text.endsWith('.') ? name : `${name}.`;
}

function parseServiceAddress(text: string): ServiceAddress | undefined {
  const address = parseHostPort(text);
  if (address !== undefined) return { kind: 'address', address };
  const { host, port: portText = '' } = splitHostPort(text);
  const name = parseDnsName(host);
  const port = parsePort(portText);
  return name === undefined || port === undefined ? undefined : { kind: 'name', name, port };
}

/** 127/8, ::1 and the name localhost, with or without a dot at its end. */
export function isLoopbackService(service: ServiceAddress): boolean {
  return service.kind === 'address'
    ? isLoopback(service.address.ip)
    : service.name.replace(/\.$/, '') === 'localhost';
}

export function formatServiceAddress(service: ServiceAddress): string {
  return service.kind === 'address'
    ? formatHostPort(service.address)
    : `${service.name}:${String(service.port)}`;
}

export const serviceAddress = grammar('addr', 'IP:port or name:port', parseServiceAddress);

export const socketAddress: Grammar<HostPort> = {
  name: 'socket addr',
  parse: (text) => {
    const service = parseServiceAddress(text);
    if (service === undefined) return failure('expected IP:port or [IPv6]:port');
    return service.kind === 'address' ? success(service.address) : failure('host is not an IP address');
  },
};

const MAX_SOCKET_ADDRESSES = 2;

/** One address, or one of each family. */
export const socketAddresses: Grammar<readonly HostPort[]> = {
  name: 'socket addr list',
  parse: (text) => {
    const items = text.split(',');
    if (items.length > MAX_SOCKET_ADDRESSES) return failure('expected at most two addresses');
    const addresses: HostPort[] = [];
    for (const item of items) {
      const address = socketAddress.parse(item);
      if (!address.ok) return address;
      addresses.push(address.value);
    }
    return success(addresses);
  },
};

/** undefined when one item is none. */
function parseAll<T>(items: readonly string[], parse: (item: string) => T | undefined): T[] | undefined {
  const values: T[] = [];
  for (const item of items) {
    const value = parse(item);
    if (value === undefined) return undefined;
    values.push(value);
  }
  return values;
}

/** The items of a comma list in which empty ones do not count. */
function trimmedItems(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

export const ipSet: Grammar<readonly IpAddress[]> = grammar(
  'ip set',
  'IP addresses with commas between them',
  (text) => parseAll(text.split(','), canonicalIp),
);

function parseRange(text: string): PortRange | undefined {
  const [, firstText, lastText = firstText] = /^(\d+)(?:-(\d+))?$/.exec(text) ?? [];
  const first = parsePort(firstText ?? '');
  const last = parsePort(lastText ?? '');
  return first === undefined || last === undefined || first > last ? undefined : { first, last };
}

export const portRanges: Grammar<readonly PortRange[]> = grammar(
  'port ranges',
  'ports and ranges of ports, such as 25,5000-5010',
  (text) => parseAll(trimmedItems(text.replaceAll(/\s/g, '')), parseRange),
);

export const networks: Grammar<readonly Network[]> = grammar(
  'networks',
  'networks with commas between them, such as 10.0.0.0/8,fd00::/8',
  (text) => parseAll(trimmedItems(text), (item) => (item.includes('/') ? parseNetwork(item) : undefined)),
);

/** Without a dot at the end; empty: the root, under which every name is. */
export type DnsSuffix = string;

export const dnsSuffixes: Grammar<readonly DnsSuffix[]> = grammar(
  'dns suffixes',
  'names with commas between them, or a dot for every name',
  (text) => parseAll(trimmedItems(text), (item) => (item === '.' ? '' : parseHostName(item))),
);

/** Whether `name` is one of the suffixes or under one; a dot at its end does not matter. */
export function hasDnsSuffix(suffixes: readonly DnsSuffix[], name: string): boolean {
  const bare = name.toLowerCase().replace(/\.$/, '');
  return suffixes.some((suffix) => suffix === '' || bare === suffix || bare.endsWith(`.${suffix}`));
}

export const dnsName = grammar('dns name', 'a DNS name', parseDnsName);

/** A name that is an identity as well. */
export const identityName = grammar(
  'dns name without final dot',
  'a DNS name without a dot at its end',
  (text) => (text.endsWith('.') ? undefined : parseHostName(text)),
);

function parseId(text: string): ProxyId | undefined {
  const name = text.endsWith('.') ? undefined : parseHostName(text);
  if (name !== undefined) return { kind: 'dns', id: name };
  return /^[a-z][a-z0-9+.-]*:\/\/[^\s/]/i.test(text) && URL.canParse(text)
    ? { kind: 'uri', id: text }
    : undefined;
}

export const identity = grammar(
  'identity',
  'a DNS name without a dot at its end, or a URI such as spiffe://root/workload',
  parseId,
);

/** `address` or `address:port` of name servers, blanks around them ignored. */
export const nameServers: Grammar<readonly string[]> = grammar(
  'name servers',
  'IP addresses, each with or without :port',
  (text) =>
    parseAll(trimmedItems(text), (item) => {
      const withPort = parseHostPort(item) ?? parseHostPort(`${item}:53`) ?? parseHostPort(`[${item}]:53`);
      return withPort === undefined || withPort.port === 0 ? undefined : item;
    }),
);
