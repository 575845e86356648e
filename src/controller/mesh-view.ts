// One moment of the mesh: the configuration with the endpoints that are present, indexed by what is asked
// for. Never changes; a new moment is a new view.
import { backendPort } from '../config/backend-port.js';
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

/** What depends on the configuration alone; views of the same one share it. */
interface ServiceIndex {
  readonly byName: ReadonlyMap<string, ServiceConfig>;
  /** By virtual address, `ip:port`. */
  readonly byAddress: ReadonlyMap<string, ServicePort>;
}

export class MeshView {
  readonly config: MeshConfig;
  readonly #found: FoundEndpoints;
  readonly #services: ServiceIndex;
  /** By `ip:port`; made when it is first asked for. */
  #byEndpoint: ReadonlyMap<string, ServiceEndpoint> | undefined;

  /** `before` is the moment before this one. */
  constructor(config: MeshConfig, found: FoundEndpoints = new Map(), before?: MeshView) {
    this.config = config;
    this.#found = found;
    this.#services = before?.config === config ? before.#services : indexServices(config);
  }

  /** By any of its names, in lower case. */
  serviceNamed(name: string): ServiceConfig | undefined {
    return this.#services.byName.get(name);
  }

  portNamed(name: string, port: number): ServicePort | undefined {
    const service = this.#services.byName.get(name);
    const found = service?.ports.find((item) => item.port === port);
    return service === undefined || found === undefined ? undefined : { service, ...found };
  }

  /** Whose virtual address it is. */
  portAt(address: HostPort): ServicePort | undefined {
    return this.#services.byAddress.get(formatHostPort(address));
  }

  endpointAt(address: HostPort): ServiceEndpoint | undefined {
    this.#byEndpoint ??= this.#indexEndpoints();
    return this.#byEndpoint.get(formatHostPort(address));
  }

  /** Undefined while they are being looked up for the first time. */
  endpointsOf(service: ServiceConfig): readonly EndpointConfig[] | undefined {
    return service.dns === undefined ? service.endpoints : this.#found.get(service.name);
  }

  portOfBackend(backend: BackendConfig, connected: number): number {
    const ports = this.#services.byName.get(backend.service)?.ports.map(({ port }) => port) ?? [];
    return backendPort(backend, ports, connected);
  }

  /** Of several services that share an endpoint the first speaks for it. */
  #indexEndpoints(): ReadonlyMap<string, ServiceEndpoint> {
    const index = new Map<string, ServiceEndpoint>();
    for (const service of this.config.services) {
      for (const endpoint of this.endpointsOf(service) ?? []) {
        const key = formatHostPort(endpoint.address);
        if (!index.has(key)) index.set(key, { service, endpoint });
      }
    }
    return index;
  }
}

function indexServices({ services }: MeshConfig): ServiceIndex {
  const byName = new Map<string, ServiceConfig>();
  const byAddress = new Map<string, ServicePort>();
  for (const service of services) {
    for (const name of service.names) byName.set(name, service);
    for (const ip of service.addresses) {
      for (const { port, protocol } of service.ports) {
        byAddress.set(formatHostPort({ ip, port }), { service, port, protocol });
      }
    }
  }
  return { byName, byAddress };
}
