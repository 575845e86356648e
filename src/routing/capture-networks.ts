// Which networks must be captured whatever else is skipped: the virtual addresses of the services,
// since nobody listens there.
import type { MeshConfig, Network } from '../config/mesh-config.js';
import { ipFamily } from '../core/ip.js';

export function captureNetworks(config: MeshConfig): readonly Network[] {
  const addresses = new Set(config.services.flatMap((service) => service.addresses));
  return [...addresses].map((ip) => ({ ip, prefixLength: ipFamily(ip) === 4 ? 32 : 128 }));
}
