// Destination.GetProfile: what a destination is: a service (by a virtual address or by name), an endpoint,
// or an address that the mesh file knows nothing of. Routes are in the outbound policy, never in here:
// a profile with routes would win over it (reference, proxy behaviour §4.1).
import { create } from '@bufbuild/protobuf';

import { type DestinationProfile, DestinationProfileSchema } from '../api/gen/destination_pb.js';
import { containsPort } from '../core/ports.js';
import type { HostPort } from '../core/ip.js';
import { type Answer, answered, refused, StatusCode } from './answer.js';
import { serviceLabels, weightedAddr } from './answers-endpoints.js';
import { serviceMetadata } from './answers-metadata.js';
import { parseDestinationPath } from './destination-path.js';
import type { MeshView, ServicePort } from './mesh-view.js';

export function profileAnswer(view: MeshView, path: string): Answer<DestinationProfile> {
  const asked = parseDestinationPath(path);
  if (asked === undefined) {
    return refused(StatusCode.INVALID_ARGUMENT, 'the path is neither IP:PORT nor NAME:PORT');
  }
  if (asked.kind === 'address') {
    const service = view.portAt(asked.address);
    return answered(service === undefined ? endpointProfile(view, asked.address) : serviceProfile(service));
  }
  const service = view.portNamed(asked.name, asked.port);
  if (service !== undefined) return answered(serviceProfile(service));
  // A port that the service does not have says nothing, as in a cluster (reference, control plane §4).
  if (view.serviceNamed(asked.name) !== undefined) return answered(create(DestinationProfileSchema));
  // Not NOT_FOUND: proxies would ask again and again, and make requests wait meanwhile.
  return refused(StatusCode.INVALID_ARGUMENT, `the mesh file has no service ${asked.name}`);
}

function serviceProfile({ service, port, protocol }: ServicePort): DestinationProfile {
  return create(DestinationProfileSchema, {
    fullyQualifiedName: service.name,
    opaqueProtocol: protocol === 'opaque',
    parentRef: serviceMetadata(service.name, port),
  });
}

function endpointProfile(view: MeshView, address: HostPort): DestinationProfile {
  const found = view.endpointAt(address);
  const endpoint =
    found === undefined
      ? weightedAddr({ address, weight: 1, labels: {} }, undefined)
      : weightedAddr(
          { ...found.endpoint, labels: { ...serviceLabels(found.service), ...found.endpoint.labels } },
          found.service.http2Keepalive,
        );
  const opaqueProtocol = containsPort(view.config.opaquePorts, address.port);
  return create(DestinationProfileSchema, { endpoint, opaqueProtocol });
}
