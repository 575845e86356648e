// Builders of configurations for tests: what a test does not say is as in the default configuration.
import { defaultMeshConfig } from '../../src/config/defaults.js';
import type { EndpointConfig, MeshConfig, ServiceConfig } from '../../src/config/mesh-config.js';
import type { BackendConfig, RequestMatchConfig, RouteConfig } from '../../src/config/route-config.js';
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

/** A route that takes every request to the service itself. */
export function aRoute(name: string, parts: Partial<RouteConfig> = {}): RouteConfig {
  return {
    name,
    kind: 'http',
    hosts: [],
    matches: [],
    distribution: { kind: 'random', backends: [] },
    filters: [],
    timeouts: { requestMs: 0, responseMs: 0, idleMs: 0 },
    retry: undefined,
    allowRequestOverrides: false,
    failureStatuses: [],
    ...parts,
  };
}

export function aMatch(parts: Partial<RequestMatchConfig> = {}): RequestMatchConfig {
  return { path: undefined, grpc: undefined, method: '', headers: [], query: [], ...parts };
}

export function aBackend(service: string, parts: Partial<BackendConfig> = {}): BackendConfig {
  return { service, port: undefined, weight: 1, filters: [], ...parts };
}
