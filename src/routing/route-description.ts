// What the router has decided, as plain values for `sluice routes` and the admin server. Target ids are
// those of DataPlane.inspect(), which has the state of the endpoints.
import type { Http2KeepaliveConfig, ServiceProtocol } from '../config/mesh-config.js';
import type { HostPort, IpAddress } from '../core/ip.js';
import type { RouteTable } from './route-table.js';
import type { Labels } from './target-directory.js';

export interface EndpointDescription {
  readonly address: HostPort;
  readonly weight: number;
  readonly labels: Labels;
  /** HTTP/1 messages travel to it over HTTP/2 (reference §3.9). */
  readonly takesOrigProto?: true;
  /** `host[:port]` that requests to it carry. */
  readonly authorityOverride?: string;
  /** In place of the target's. */
  readonly http2Keepalive?: Http2KeepaliveConfig;
}

export interface TargetDescription {
  readonly id: number;
  readonly authority: string;
  readonly kind: 'forward' | 'balance';
  readonly labels: Labels;
  readonly endpoints: readonly EndpointDescription[];
}

export interface ServicePortDescription {
  readonly port: number;
  readonly protocol: ServiceProtocol;
  readonly targetId: number;
  /** Of the table that decides instead of going to the target right away; 0: none. */
  readonly routeTableId: number;
}

export interface NameDescription {
  readonly name: string;
  readonly records: 'a' | 'aaaa' | 'a+aaaa' | 'srv';
  /** Why the last look-up of some record type failed; undefined when the answers are fresh. */
  readonly failure: string | undefined;
}

export interface ServiceDescription {
  readonly name: string;
  readonly names: readonly string[];
  readonly addresses: readonly IpAddress[];
  readonly ports: readonly ServicePortDescription[];
  /** Where the endpoints come from when it is not the mesh file. */
  readonly dns: NameDescription | undefined;
}

export interface DestinationDescription {
  readonly id: number;
  readonly kind: 'service' | 'outbound' | 'inbound' | 'forward' | 'http-proxy';
  /** Undefined for explicit listeners. */
  readonly address: HostPort | undefined;
  readonly protocol: ServiceProtocol;
  /** 0: requests need an authority. */
  readonly targetId: number;
  /** As for ports of services. */
  readonly routeTableId: number;
  readonly authorities: readonly {
    readonly authority: string;
    readonly targetId: number;
    readonly routeTableId: number;
  }[];
}

export interface ListenerDescription {
  readonly id: number;
  readonly kind: 'forward' | 'http-proxy';
  /** What the configuration says. */
  readonly listen: HostPort;
  /** The address really bound; undefined while the system refuses it (it is tried again). */
  readonly bound: HostPort | undefined;
  /** `web:80` or an address; undefined for the HTTP proxy. */
  readonly to: string | undefined;
}

export interface RouteTableDescription extends RouteTable {
  readonly id: number;
}

export interface RouteDescription {
  readonly services: readonly ServiceDescription[];
  readonly destinations: readonly DestinationDescription[];
  readonly listeners: readonly ListenerDescription[];
  readonly targets: readonly TargetDescription[];
  readonly routeTables: readonly RouteTableDescription[];
}
