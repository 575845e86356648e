// Who a policy, a route or a backend is, as metrics of proxies tell it. Services and routes of a mesh file
// stand where those of a cluster do; the file has no namespaces, and the API does not take an empty one
// (reference, wire API §4 outbound policy 3).
import type { MessageInitShape } from '@bufbuild/protobuf';

import type { MetadataSchema } from '../api/gen/meta_pb.js';

export const MESH_NAMESPACE = 'mesh';
const ROUTE_GROUP = 'gateway.networking.k8s.io';

type MetadataInit = MessageInitShape<typeof MetadataSchema>;

export function serviceMetadata(name: string, port: number): MetadataInit {
  const resource = { group: 'core', kind: 'Service', name, namespace: MESH_NAMESPACE, port };
  return { kind: { case: 'resource', value: resource } };
}

export function routeMetadata(kind: 'HTTPRoute' | 'GRPCRoute' | 'TCPRoute', name: string): MetadataInit {
  const resource = { group: ROUTE_GROUP, kind, name, namespace: MESH_NAMESPACE };
  return { kind: { case: 'resource', value: resource } };
}

/** What stands where the file says nothing. */
export function defaultMetadata(name: string): MetadataInit {
  return { kind: { case: 'default', value: name } };
}
