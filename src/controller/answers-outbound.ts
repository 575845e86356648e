// OutboundPolicies: what becomes of connections to a port of a service: its protocol, routes and circuit
// breaker (reference, wire API §3 OutboundPolicy, §4 outbound policy).
import { create, type MessageInitShape } from '@bufbuild/protobuf';

import { fromMilliseconds } from '../api/duration-values.js';
import {
  type OutboundPolicy,
  OutboundPolicySchema,
  type ProxyProtocolSchema,
} from '../api/gen/outbound_pb.js';
import type { OutboundTarget } from '../control/control-plane.js';
import { formatHostPort } from '../core/ip.js';
import { type Answer, answered, refused, StatusCode } from './answer.js';
import { failureAccrual, type PolicyContext } from './answers-backends.js';
import { serviceMetadata } from './answers-metadata.js';
import { grpcRoutes, httpRoutes, opaqueRoute, tlsRoute } from './answers-routes.js';
import { parseDestinationPath } from './destination-path.js';
import type { MeshView, ServicePort } from './mesh-view.js';

export function outboundAnswer(view: MeshView, target: OutboundTarget): Answer<OutboundPolicy> {
  let parent: ServicePort | undefined;
  let what: string;
  if (target.kind === 'address') {
    parent = view.portAt(target.address);
    what = formatHostPort(target.address);
  } else {
    const asked = parseDestinationPath(target.authority);
    if (asked === undefined) return refused(StatusCode.INVALID_ARGUMENT, 'the authority is not HOST:PORT');
    parent = asked.kind === 'name' ? view.portNamed(asked.name, asked.port) : view.portAt(asked.address);
    what = target.authority;
  }
  // Proxies then do what the profile says.
  if (parent === undefined) return refused(StatusCode.NOT_FOUND, `${what} is no service of the mesh file`);
  const { service, port } = parent;
  return answered(
    create(OutboundPolicySchema, {
      metadata: serviceMetadata(service.name, port),
      protocol: protocolMessage({ view, parent }),
    }),
  );
}

/** Whether only routes of gRPC can be meant: what else comes would be answered 404 in any case. */
export function isTaughtAsGrpc({ service, protocol }: ServicePort): boolean {
  const { routes, tcp } = service;
  if (routes.length === 0 || !routes.every(({ kind }) => kind === 'grpc')) return false;
  // A proxy that knows of gRPC does not detect, so that other connections would have no way.
  return protocol === 'http2' || (protocol === 'detect' && tcp === undefined);
}

function protocolMessage(context: PolicyContext): MessageInitShape<typeof ProxyProtocolSchema> {
  const { view, parent } = context;
  const { circuitBreaker } = parent.service;
  const accrual = circuitBreaker === undefined ? {} : { failureAccrual: failureAccrual(circuitBreaker) };
  if (isTaughtAsGrpc(parent)) {
    return { kind: { case: 'grpc', value: { routes: grpcRoutes(context), ...accrual } } };
  }
  switch (parent.protocol) {
    case 'http1':
    case 'http2':
      return { kind: { case: parent.protocol, value: { routes: httpRoutes(context), ...accrual } } };
    case 'opaque':
      return { kind: { case: 'opaque', value: { routes: [opaqueRoute(context)] } } };
    case 'tls':
      return { kind: { case: 'tls', value: { routes: [tlsRoute(context)] } } };
    case 'detect': {
      const http = { routes: httpRoutes(context), ...accrual };
      const value = {
        timeout: fromMilliseconds(view.config.timeouts.detectMs),
        opaque: { routes: [opaqueRoute(context)] },
        http1: http,
        http2: http,
      };
      return { kind: { case: 'detect', value } };
    }
  }
}
