// The shape of a mesh file, key by key; examples/mesh.yaml shows every one. Checks single values and
// refuses unknown keys; what concerns several values at once is in mesh-file-checks.ts, defaults are
// in defaults.ts. Messages complete the sentence "<path> …".
import * as v from 'valibot';

import {
  canonicalIp,
  formatNetwork,
  isMulticastOrBroadcast,
  isUnspecified,
  maskNetwork,
  parseHostPort,
  parseNetwork,
  parsePort,
  splitHostPort,
  type HostPort,
} from '../core/ip.js';
import { parsePortRange } from '../core/ports.js';
import { parseHostName } from './host-name.js';
import { circuitBreaker, http2Keepalive, loadPenalty } from './mesh-file-endpoints-schema.js';
import { identity } from './mesh-file-identity-schema.js';
import { routes, tcp } from './mesh-file-routes-schema.js';
import {
  byKind,
  duration,
  flag,
  fraction,
  hostName,
  list,
  mapping,
  mustBe,
  portNumber,
  section,
  show,
  textOf,
  wholeNumber,
} from './mesh-file-values.js';

const LARGEST_WEIGHT = 10_000;
/** Labels of Prometheus; theirs become `dst_<key>`. */
const LABEL_KEY = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

export type ForwardTarget = HostPort | { readonly service: string; readonly port: number | undefined };

/** Something of one's own or of a peer, so neither everybody nor nobody. */
const peerIp = textOf('an IP address of one host', (text) => {
  const ip = canonicalIp(text);
  return ip === undefined || isUnspecified(ip) || isMulticastOrBroadcast(ip) ? undefined : ip;
});

const peerAddress = textOf('an IP address and port such as 127.0.0.1:8080 or "[::1]:8080"', (text) => {
  const address = parseHostPort(text);
  if (address === undefined || address.port === 0) return undefined;
  return isUnspecified(address.ip) || isMulticastOrBroadcast(address.ip) ? undefined : address;
});

/** Port 0: one of the kernel's choice. */
const listenAddress = textOf('an IP address and port to listen on, such as 127.0.0.1:8080', (text) => {
  const address = parseHostPort(text);
  return address === undefined || isMulticastOrBroadcast(address.ip) ? undefined : address;
});

const portRange = byKind((input) =>
  typeof input === 'number'
    ? v.pipe(
        portNumber,
        v.transform((port) => ({ first: port, last: port })),
      )
    : textOf('a port or a range such as 5000-5010', parsePortRange),
);

const network = v.pipe(
  textOf('a network such as 10.0.0.0/8, or an IP address', parseNetwork),
  v.check(
    (value) => maskNetwork(value).ip === value.ip,
    (issue) => `has bits set after its prefix; did you mean ${formatNetwork(maskNetwork(issue.input))}?`,
  ),
);

const labels = v.pipe(
  mapping('a mapping of text to text'),
  v.record(
    v.pipe(v.string(), v.regex(LABEL_KEY, 'may only have letters, digits and underscores')),
    v.string((issue) => `must be text, but is ${show(issue.input)}; put it in quotes`),
  ),
);

const protocol = v.picklist(
  ['detect', 'http1', 'http2', 'opaque', 'tls'],
  mustBe('detect, http1, http2, opaque or tls'),
);

/** `80`, or with a protocol; without one the port is opaque when `opaquePorts` has it, else detected. */
const servicePort = byKind<{ port: number; protocol?: v.InferOutput<typeof protocol> | undefined }>(
  (input) =>
    typeof input === 'object' && input !== null
      ? section({ port: portNumber, protocol: v.optional(protocol) })
      : v.pipe(
          portNumber,
          v.transform((port) => ({ port })),
        ),
);

interface EndpointInFile {
  address: HostPort;
  weight?: number | undefined;
  labels?: Record<string, string> | undefined;
}

/** `127.0.0.1:8080`, or with a weight (default 1) and labels. Its own port is used for every port of the service. */
const endpoint = byKind<EndpointInFile>((input) =>
  typeof input === 'object' && input !== null
    ? section({
        address: peerAddress,
        weight: v.optional(wholeNumber(1, LARGEST_WEIGHT)),
        labels: v.optional(labels),
      })
    : v.pipe(
        peerAddress,
        v.transform((address) => ({ address })),
      ),
);

/** Endpoints from the name system, in place of `endpoints`. */
const dns = section({
  name: hostName,
  // Default a+aaaa. With srv, ports and weights come from the records of the lowest priority.
  records: v.optional(v.picklist(['a', 'aaaa', 'a+aaaa', 'srv'], mustBe('a, aaaa, a+aaaa or srv'))),
  // Default: the service's port, when it has only one.
  port: v.optional(portNumber),
  minTtl: v.optional(duration(1)),
  maxTtl: v.optional(duration(1)),
});

const service = section({
  // Further names beside the key: authorities of requests, and names for CMD.
  names: v.optional(list(hostName)),
  // Virtual: nobody needs to listen there.
  addresses: v.optional(list(peerIp)),
  ports: v.pipe(list(servicePort), v.minLength(1, 'needs at least one port')),
  endpoints: v.optional(list(endpoint)),
  dns: v.optional(dns),
  labels: v.optional(labels),
  // Default as-client.
  endpointProtocol: v.optional(
    v.picklist(['as-client', 'http1', 'http2'], mustBe('as-client, http1 or http2')),
  ),
  // Default: no PINGs.
  http2Keepalive: v.optional(http2Keepalive),
  // Default: responses never take an endpoint out.
  circuitBreaker: v.optional(circuitBreaker),
  // Default: a failed response counts with the time it took.
  loadPenalty: v.optional(loadPenalty),
  // Default: every request goes to the service itself.
  routes: v.optional(routes),
  // Connections that are not HTTP. Default: to the service itself.
  tcp: v.optional(tcp),
});

/** `127.0.0.1:8080`, `web:80`, or `web` when that service has one port. */
const forwardTarget = textOf<ForwardTarget>(
  'an address such as 127.0.0.1:80, or a service such as web:80',
  (text) => {
    const address = parseHostPort(text);
    if (address !== undefined) return address.port === 0 ? undefined : address;
    const { host, port: portText } = splitHostPort(text);
    const name = parseHostName(host);
    const port = portText === undefined ? undefined : parsePort(portText);
    if (name === undefined || port === 0 || (portText !== undefined && port === undefined)) return undefined;
    return { service: name, port };
  },
);

export const meshFileSchema = section({
  services: v.optional(
    v.pipe(
      mapping('a mapping of names to services'),
      v.record(
        v.pipe(
          v.string(),
          v.check((name) => parseHostName(name) !== undefined, 'is not a host name'),
        ),
        service,
      ),
    ),
  ),
  opaquePorts: v.optional(list(portRange)),
  skip: v.optional(
    section({
      ports: v.optional(list(portRange)),
      networks: v.optional(list(network)),
      loopback: v.optional(flag),
    }),
  ),
  forwards: v.optional(list(section({ listen: listenAddress, to: forwardTarget }))),
  httpProxy: v.optional(listenAddress),
  timeouts: v.optional(
    section({
      connect: v.optional(duration(1)),
      detect: v.optional(duration(1)),
      response: v.optional(duration(0)),
      requestHead: v.optional(duration(1)),
      clientIdle: v.optional(duration(1)),
      poolIdle: v.optional(duration(1)),
      halfClose: v.optional(duration(1)),
      failFast: v.optional(duration(1)),
      discovery: v.optional(duration(1)),
      keepalive: v.optional(duration(0)),
      userTimeout: v.optional(duration(0)),
      destinationIdle: v.optional(duration(1)),
      drain: v.optional(duration(0)),
    }),
  ),
  balancer: v.optional(
    section({
      defaultRtt: v.optional(duration(1)),
      decay: v.optional(duration(1)),
      backoffMin: v.optional(duration(1)),
      backoffMax: v.optional(duration(1)),
      backoffJitter: v.optional(fraction),
      queueCapacity: v.optional(wholeNumber(1, 1_000_000)),
      poolMaxIdle: v.optional(wholeNumber(0, 1_000_000)),
    }),
  ),
  // Towards clients. Default: no PINGs.
  http2Keepalive: v.optional(http2Keepalive),
  admin: v.optional(
    section({
      address: v.optional(listenAddress),
      shutdown: v.optional(flag),
    }),
  ),
  // Who may get a certificate from `sluice controller`. Default: nobody.
  identity: v.optional(identity),
});

export type MeshFile = v.InferOutput<typeof meshFileSchema>;
export type ServiceInFile = v.InferOutput<typeof service>;
