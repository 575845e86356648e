// Addresses of the contract as `127.0.0.1:80` or `[::1]:80`, the text that is also the key of maps.
import { formatHostPort, formatIp } from '../core/ip.js';
import { type SocketAddress } from './gen/contract_pb.js';

export function addressText(address: SocketAddress): string {
  return formatHostPort({ ip: formatIp(address.ip), port: address.port });
}
