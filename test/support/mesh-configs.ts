// Builders of configurations for tests: what a test does not say is as in the default configuration.
import { defaultMeshConfig } from '../../src/config/defaults.js';
import type { EndpointConfig, MeshConfig, ServiceConfig } from '../../src/config/mesh-config.js';
import { parseHostPort, type HostPort } from '../../src/core/ip.js';

export function aMesh(...services: readonly ServiceConfig[]): MeshConfig {
  return { ...defaultMeshConfig, services };
}

export function aService(name: string, parts: Partial<ServiceConfig> = {}): ServiceConfig {
  return {
    name,
    names: [name, ...(parts.names ?? []).filter((item) => item !== name)],
    addresses: parts.addresses ?? [],
    ports: parts.ports ?? [{ port: 80, protocol: 'detect' }],
    endpoints: parts.endpoints ?? [],
    dns: parts.dns,
    labels: parts.labels ?? {},
    endpointProtocol: parts.endpointProtocol ?? 'as-client',
    http2Keepalive: parts.http2Keepalive,
    circuitBreaker: parts.circuitBreaker,
    loadPenalty: parts.loadPenalty,
    routes: parts.routes ?? [],
    tcp: parts.tcp,
  };
}

/** An endpoint from `address:port`. */
export function anEndpoint(address: string, parts: Partial<EndpointConfig> = {}): EndpointConfig {
  return { address: at(address), weight: parts.weight ?? 1, labels: parts.labels ?? {} };
}

export function at(address: string): HostPort {
  const parsed = parseHostPort(address);
  if (parsed === undefined) throw new TypeError(`not an address: ${address}`);
  return parsed;
}
