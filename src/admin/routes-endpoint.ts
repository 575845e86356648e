// /routes.json: what the router has decided, joined with what the workers see of each endpoint at
// this moment. `sluice routes` prints it.
import { getSystemErrorName } from 'node:util';

import { formatHostPort, formatIp } from '../core/ip.js';
import {
  type EndpointInspection,
  EndpointState,
  type Inspection,
  type SocketAddress,
} from '../dataplane/gen/contract_pb.js';
import {
  type EndpointDescription,
  type RouteDescription,
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
  readonly live?: {
    readonly state: 'ready' | 'backoff';
    readonly inFlight: number;
    readonly idleConnections: number;
    readonly ewmaMs: number;
    /** Name of the errno of the last failed attempt. */
    readonly lastError?: string;
    /** Until the next attempt; only in back-off. */
    readonly nextAttemptMs?: number;
  };
}

export interface TargetView extends Omit<TargetDescription, 'endpoints'> {
  /** Requests that wait for an endpoint. */
  readonly waiting: number;
  readonly endpoints: readonly EndpointView[];
}

export interface RoutesView extends Omit<RouteDescription, 'targets'> {
  readonly capture: CaptureView;
  readonly connections: number;
  readonly bufferBytes: number;
  readonly targets: readonly TargetView[];
}

function addressKey(address: SocketAddress | undefined): string {
  return address === undefined ? '' : formatHostPort({ ip: formatIp(address.ip), port: address.port });
}

function errnoName(errno: number): string {
  try {
    return getSystemErrorName(-errno);
  } catch {
    return `errno ${String(errno)}`;
  }
}

function viewEndpoint(endpoint: EndpointDescription, live: EndpointInspection | undefined): EndpointView {
  if (live === undefined) return endpoint;
  return {
    ...endpoint,
    live: {
      state: live.state === EndpointState.ENDPOINT_BACKOFF ? 'backoff' : 'ready',
      inFlight: live.inFlight,
      idleConnections: live.idleConnections,
      ewmaMs: live.ewmaMs,
      ...(live.lastErrno === 0 ? {} : { lastError: errnoName(live.lastErrno) }),
      ...(live.state === EndpointState.ENDPOINT_BACKOFF ? { nextAttemptMs: live.nextAttemptMs } : {}),
    },
  };
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
      const endpoints = new Map(live?.endpoints.map((endpoint) => [addressKey(endpoint.address), endpoint]));
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
