// Failures as tests need them: what a test does not say is a refused connection of the service web.
import { create } from '@bufbuild/protobuf';

import { ipBytes } from '../../src/core/ip.js';
import {
  Direction,
  EndpointState,
  type Failure,
  FailureSchema,
  type Inspection,
  InspectionSchema,
  Reason,
  type SocketAddress,
  SocketAddressSchema,
} from '../../src/dataplane/gen/contract_pb.js';
import { type EndpointsPicture } from '../../src/why/endpoints-picture.js';
import { type FailureRecord } from '../../src/why/failure-record.js';
import { at } from './mesh-configs.js';

export function socketAddress(address: string): SocketAddress {
  const { ip, port } = at(address);
  return create(SocketAddressSchema, { ip: ipBytes(ip), port });
}

export function aFailure(parts: Partial<Omit<Failure, '$typeName'>> = {}): Failure {
  return create(FailureSchema, {
    timeMs: 1000n,
    direction: Direction.OUTBOUND,
    reason: Reason.CONNECT_REFUSED,
    client: socketAddress('127.0.0.1:4242'),
    originalDestination: socketAddress('10.77.0.10:80'),
    targetId: 1,
    ...parts,
  });
}

export function aRecord(parts: Partial<FailureRecord> = {}): FailureRecord {
  const { lastMs = 1000 } = parts;
  return {
    count: 1,
    firstMs: lastMs,
    lastMs,
    direction: 'outbound',
    reason: 'connect_refused',
    detail: 'logical service web:80: endpoint 127.0.0.1:8081: connection refused',
    client: '127.0.0.1:4242',
    destination: '10.77.0.10:80',
    authority: 'web:80',
    labels: { service: 'web' },
    endpoint: '127.0.0.1:8081',
    request: { method: 'GET', path: '/index.html' },
    route: undefined,
    tries: undefined,
    status: 502,
    endpoints: undefined,
    ...parts,
  };
}

export function aPicture(parts: Partial<EndpointsPicture> = {}): EndpointsPicture {
  return {
    timeMs: 1000,
    counts: { ready: 0, backoff: 0, ejected: 0 },
    endpoints: [],
    waiting: 0,
    removed: [],
    ...parts,
  };
}

/** Targets by id, each with the addresses of its endpoints, all of them backing off. */
export function anInspection(targets: Readonly<Record<number, readonly string[]>>): Inspection {
  return create(InspectionSchema, {
    targets: Object.entries(targets).map(([id, addresses]) => ({
      id: Number(id),
      endpoints: addresses.map((address) => ({
        address: socketAddress(address),
        state: EndpointState.ENDPOINT_BACKOFF,
        lastErrno: 111,
        nextAttemptMs: 180,
      })),
    })),
  });
}
