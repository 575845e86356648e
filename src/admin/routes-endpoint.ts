// /routes.json: what the router has decided, joined with what the workers see of each endpoint at
// this moment. `sluice routes` prints it.
import { formatHostPort } from '../core/ip.js';
import { addressText } from '../dataplane/address-text.js';
import { endpointLive, type EndpointLive } from '../dataplane/endpoint-live.js';
import { type EndpointInspection, type Inspection } from '../dataplane/gen/contract_pb.js';
import {
  type EndpointDescription,
  type RouteDescription,
  type RouteTableDescription,
  type TargetDescription,
} from '../routing/route-description.js';
import { type AdminEndpoint, jsonResponse, methodNotAllowed } from './http.js';

/** How connections reach the proxy. */
export interface CaptureView {
  readonly rung: 1 | 2 | 3;
  readonly hooks: readonly string[];
  /** Such as `outbound 127.0.0.1:4140`. */
  readonly listeners: readonly string[];
}

export interface EndpointView extends EndpointDescription {
  /** Absent: no worker has it (any more, or yet). */
  readonly live?: EndpointLive;
}

export interface TargetView extends Omit<TargetDescription, 'endpoints'> {
  /** Requests that wait for an endpoint. */
  readonly waiting: number;
  readonly endpoints: readonly EndpointView[];
}

export type RouteTableView = RouteTableDescription;

export interface RoutesView extends Omit<RouteDescription, 'targets'> {
  readonly capture: CaptureView;
  readonly connections: number;
  readonly bufferBytes: number;
  readonly targets: readonly TargetView[];
}

function viewEndpoint(endpoint: EndpointDescription, live: EndpointInspection | undefined): EndpointView {
  return live === undefined ? endpoint : { ...endpoint, live: endpointLive(live) };
}

export function viewRoutes(
  routes: RouteDescription,
  inspection: Inspection,
  capture: CaptureView,
): RoutesView {
  const inspected = new Map(inspection.targets.map((target) => [target.id, target]));
  return {
    capture,
    connections: Number(inspection.connections),
    bufferBytes: Number(inspection.bufferBytes),
    ...routes,
    targets: routes.targets.map((target) => {
      const live = inspected.get(target.id);
      const endpoints = new Map(
        live?.endpoints.map((endpoint) => [
          endpoint.address === undefined ? '' : addressText(endpoint.address),
          endpoint,
        ]),
      );
      return {
        ...target,
        waiting: live?.waiting ?? 0,
        endpoints: target.endpoints.map((endpoint) =>
          viewEndpoint(endpoint, endpoints.get(formatHostPort(endpoint.address))),
        ),
      };
    }),
  };
}

export interface RoutesSource {
  routes(): RouteDescription;
  inspect(): Inspection;
  capture(): CaptureView;
}

export function routesEndpoint(source: RoutesSource): AdminEndpoint {
  return (request) =>
    request.method === 'GET'
      ? jsonResponse(200, viewRoutes(source.routes(), source.inspect(), source.capture()))
      : methodNotAllowed('GET');
}
