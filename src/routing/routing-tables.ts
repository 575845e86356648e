// What decisions about destinations are made from: the configuration in force and the tables that
// share targets among destinations. Provided by the router.
import type { MeshConfig, ServiceProtocol } from '../config/mesh-config.js';
import type { HostPort } from '../core/ip.js';
import type { Commander } from './commander.js';
import type { DestinationTable } from './destination-table.js';
import type { ForwardTargets } from './forward-targets.js';
import type { NameTargets } from './name-targets.js';
import type { ServiceRoutes } from './service-routes.js';

/** A virtual address and port, and whose they are. */
export interface ServicePort {
  readonly address: HostPort;
  readonly service: ServiceRoutes;
  readonly protocol: ServiceProtocol;
}

export interface RoutingTables {
  readonly config: MeshConfig;
  readonly destinations: DestinationTable;
  readonly forwards: ForwardTargets;
  readonly names: NameTargets;
  readonly commander: Commander;
  serviceNamed(name: string): ServiceRoutes | undefined;
  /** The service that has this virtual address and port. */
  serviceAt(address: HostPort): ServicePort | undefined;
}
