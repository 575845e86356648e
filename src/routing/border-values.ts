// Plain values of the control logic as the messages of the border, and back.
import type { MessageInitShape } from '@bufbuild/protobuf';

import { formatIp, ipBytes, type HostPort } from '../core/ip.js';
import { Protocol, type SocketAddress, type SocketAddressSchema } from '../dataplane/gen/contract_pb.js';

export function toSocketAddress(address: HostPort): MessageInitShape<typeof SocketAddressSchema> {
  return { ip: ipBytes(address.ip), port: address.port };
}

export function fromSocketAddress(address: SocketAddress): HostPort {
  return { ip: formatIp(address.ip), port: address.port };
}

const PROTOCOLS = {
  detect: Protocol.DETECT,
  http1: Protocol.HTTP1,
  http2: Protocol.HTTP2,
  opaque: Protocol.OPAQUE,
  tls: Protocol.TLS,
} as const;

export type ProtocolName = keyof typeof PROTOCOLS;

export function toProtocol(name: ProtocolName): Protocol {
  return PROTOCOLS[name];
}
