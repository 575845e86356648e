// Addresses and networks of the API as values of src/core and back (reference, wire API §3 net).
import type { MessageInitShape } from '@bufbuild/protobuf';

import {
  formatIp,
  type HostPort,
  type IpAddress,
  ipBytes,
  ipFamily,
  LARGEST_PORT,
  type Network,
} from '../core/ip.js';
import type { IPAddress, IPAddressSchema, IPNetwork, TcpAddress, TcpAddressSchema } from './gen/net_pb.js';

/** Undefined when it is absent or of no family. */
export function toIpAddress(message: IPAddress | undefined): IpAddress | undefined {
  switch (message?.ip.case) {
    case 'ipv4': {
      const bytes = new Uint8Array(4);
      new DataView(bytes.buffer).setUint32(0, message.ip.value);
      return formatIp(bytes);
    }
    case 'ipv6': {
      const bytes = new Uint8Array(16);
      const view = new DataView(bytes.buffer);
      view.setBigUint64(0, message.ip.value.first);
      view.setBigUint64(8, message.ip.value.last);
      return formatIp(bytes);
    }
    default:
      return undefined;
  }
}

export function fromIpAddress(ip: IpAddress): MessageInitShape<typeof IPAddressSchema> {
  const bytes = ipBytes(ip);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  if (bytes.length === 4) return { ip: { case: 'ipv4', value: view.getUint32(0) } };
  return { ip: { case: 'ipv6', value: { first: view.getBigUint64(0), last: view.getBigUint64(8) } } };
}

/** The port is cut to 16 bits, as the reference does. Undefined without an address. */
export function toHostPort(message: TcpAddress | undefined): HostPort | undefined {
  const ip = toIpAddress(message?.ip);
  return ip === undefined || message === undefined ? undefined : { ip, port: message.port & LARGEST_PORT };
}

export function fromHostPort({ ip, port }: HostPort): MessageInitShape<typeof TcpAddressSchema> {
  return { ip: fromIpAddress(ip), port };
}

/** Undefined when it has no address or the prefix is longer than it. Of IPv4 within IPv6 only the part below
 * ::ffff:0:0/96 is a network: as one of IPv4. */
export function toNetwork(message: IPNetwork | undefined): Network | undefined {
  const ip = toIpAddress(message?.ip);
  if (ip === undefined || message === undefined) return undefined;
  const bits = ipFamily(ip) === 6 ? 128 : 32;
  const mapped = message.ip?.ip.case === 'ipv6' && bits === 32;
  const prefixLength = message.prefixLen - (mapped ? MAPPED_PREFIX : 0);
  return prefixLength < 0 || prefixLength > bits ? undefined : { ip, prefixLength };
}

/** RFC 4291 §2.5.5.2. */
const MAPPED_PREFIX = 96;
