// One moment of the mesh: the configuration with the endpoints that are present, indexed by what is asked
// for. Never changes; a new moment is a new view.
import type { EndpointConfig, MeshConfig, ServiceConfig, ServiceProtocol } from '../config/mesh-config.js';
import type { BackendConfig } from '../config/route-config.js';
import { formatHostPort, type HostPort } from '../core/ip.js';

/** Of services with `dns`, by their key; a service is missing as long as its name has not been answered. */
export type FoundEndpoints = ReadonlyMap<string, readonly EndpointConfig[]>;

export interface ServicePort {
  readonly service: ServiceConfig;
  readonly port: number;
  readonly protocol: ServiceProtocol;
}

export interface ServiceEndpoint {
  readonly service: ServiceConfig;
  readonly endpoint: EndpointConfig;
}

export class MeshView {
  readonly config: MeshConfig;
  readonly #found: FoundEndpoints;
  readonly #byName = new Map<string, ServiceConfig>();
  readonly #byAddress = new Map<string, ServicePort>();
  readonly #byEndpoint = new Map<string, ServiceEndpoint>();

  constructor(config: MeshConfig, found: FoundEndpoints = new Map()) {
    this.config = config;
    this.#found = found;
    for (const service of config.services) {
      for (const name of service.names) this.#byName.set(name, service);
      for (const ip of service.addresses) {
        for (const { port, protocol } of service.ports) {
          this.#byAddress.set(formatHostPort({ ip, port }), { service, port, protocol });
        }
      }
      for (const endpoint of this.endpointsOf(service) ?? []) {
        const key = formatHostPort(endpoint.address);
        // Of several services that share an endpoint the first speaks for it.
        if (!this.#byEndpoint.has(key)) this.#byEndpoint.set(key, { service, endpoint });
      }
    }
  }

  /** By any of its names, in lower case. */
  serviceNamed(name: string): ServiceConfig | undefined {
    return this.#byName.get(name);
  }

  portNamed(name: string, port: number): ServicePort | undefined {
    const service = this.#byName.get(name);
    const found = service?.ports.find((item) => item.port === port);
    return service === undefined || found === undefined ? undefined : { service, ...found };
  }

  /** Whose virtual address it is. */
  portAt(address: HostPort): ServicePort | undefined {
    return this.#byAddress.get(formatHostPort(address));
  }

  endpointAt(address: HostPort): ServiceEndpoint | undefined {
    return this.#byEndpoint.get(formatHostPort(address));
  }

  /** Undefined while they are being looked up for the first time. */
  endpointsOf(service: ServiceConfig): readonly EndpointConfig[] | undefined {
    return service.dns === undefined ? service.endpoints : this.#found.get(service.name);
  }

  /** The port that was connected to when the backend has it, else its only one. */
  portOfBackend(backend: BackendConfig, connected: number): number {
    if (backend.port !== undefined) return backend.port;
    const ports = this.#byName.get(backend.service)?.ports.map(({ port }) => port) ?? [];
    return ports.includes(connected) ? connected : (ports[0] ?? connected);
  }
}
