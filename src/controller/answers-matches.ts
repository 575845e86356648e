// Hosts and matches of routes as the API has them (reference, wire API §3 http_route, grpc_route).
import type { MessageInitShape } from '@bufbuild/protobuf';

import type { GrpcRouteMatchSchema } from '../api/gen/grpc_route_pb.js';
import type { HeaderMatchSchema, HostMatchSchema, HttpRouteMatchSchema } from '../api/gen/http_route_pb.js';
import { HttpMethod_Registered, type HttpMethodSchema } from '../api/gen/http_types_pb.js';
import type { HostMatchConfig, NamedMatchConfig, RequestMatchConfig } from '../config/route-config.js';

type HttpRouteMatchInit = MessageInitShape<typeof HttpRouteMatchSchema>;
type PathInit = NonNullable<HttpRouteMatchInit['path']>;

const REGISTERED_METHODS: ReadonlyMap<string, HttpMethod_Registered> = new Map([
  ['GET', HttpMethod_Registered.GET],
  ['POST', HttpMethod_Registered.POST],
  ['PUT', HttpMethod_Registered.PUT],
  ['DELETE', HttpMethod_Registered.DELETE],
  ['PATCH', HttpMethod_Registered.PATCH],
  ['OPTIONS', HttpMethod_Registered.OPTIONS],
  ['CONNECT', HttpMethod_Registered.CONNECT],
  ['HEAD', HttpMethod_Registered.HEAD],
  ['TRACE', HttpMethod_Registered.TRACE],
]);

export function hostMatch({ host, suffix }: HostMatchConfig): MessageInitShape<typeof HostMatchSchema> {
  return suffix
    ? { match: { case: 'suffix', value: { reverseLabels: host.split('.').toReversed() } } }
    : { match: { case: 'exact', value: host } };
}

/** A call of gRPC is a POST to `/service/method`; that is how an HTTP route can match one. */
export function httpMatch(match: RequestMatchConfig): HttpRouteMatchInit {
  const path = pathMatch(match);
  const method = match.grpc === undefined ? match.method : 'POST';
  return {
    ...(path === undefined ? {} : { path }),
    ...(method === '' ? {} : { method: methodMessage(method) }),
    headers: match.headers.map(headerMatch),
    // Bytes are for headers, and not in mesh files.
    queryParams: match.query.flatMap(({ name, value }) =>
      value.kind === 'bytes' ? [] : [{ name, value: { case: value.kind, value: value.text } }],
    ),
  };
}

export function grpcMatch(match: RequestMatchConfig): MessageInitShape<typeof GrpcRouteMatchSchema> {
  return { rpc: { ...(match.grpc ?? {}) }, headers: match.headers.map(headerMatch) };
}

function pathMatch({ path, grpc }: RequestMatchConfig): PathInit | undefined {
  if (grpc !== undefined) return callPath(grpc);
  return path === undefined ? undefined : { kind: { case: path.kind, value: path.text } };
}

function callPath({ service, method }: NonNullable<RequestMatchConfig['grpc']>): PathInit | undefined {
  if (service !== '' && method !== '') return { kind: { case: 'exact', value: `/${service}/${method}` } };
  if (service !== '') return { kind: { case: 'prefix', value: `/${service}` } };
  // Names of methods have no character that means something in a pattern.
  return method === '' ? undefined : { kind: { case: 'regex', value: `/[^/]+/${method}` } };
}

function methodMessage(method: string): MessageInitShape<typeof HttpMethodSchema> {
  const registered = REGISTERED_METHODS.get(method);
  return registered === undefined
    ? { type: { case: 'unregistered', value: method } }
    : { type: { case: 'registered', value: registered } };
}

function headerMatch({ name, value }: NamedMatchConfig): MessageInitShape<typeof HeaderMatchSchema> {
  return value.kind === 'exact'
    ? { name, value: { case: 'exact', value: new TextEncoder().encode(value.text) } }
    : { name, value: { case: 'regex', value: value.text } };
}
