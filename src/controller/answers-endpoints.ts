// Destination.Get: the endpoints of a service, and what changes between two moments of them (reference,
// wire API §3 Update, §4 Destination.Get).
import { create, type MessageInitShape } from '@bufbuild/protobuf';

import {
  type Update,
  UpdateSchema,
  type WeightedAddr,
  WeightedAddrSchema,
} from '../api/gen/destination_pb.js';
import { fromMilliseconds } from '../api/duration-values.js';
import { fromHostPort } from '../api/net-values.js';
import type { EndpointConfig, Http2KeepaliveConfig, ServiceConfig } from '../config/mesh-config.js';
import { formatHostPort } from '../core/ip.js';
import { type Answer, answered, refused, StatusCode } from './answer.js';
import { parseDestinationPath } from './destination-path.js';
import type { MeshView } from './mesh-view.js';

type Labels = Readonly<Record<string, string>>;

export interface EndpointEntry {
  readonly message: WeightedAddr;
  /** Equal keys: nothing to tell. Labels of the service are in it too. */
  readonly key: string;
}

/** All endpoints of a service at one moment. */
export interface EndpointsState {
  /** Whether the service is there. */
  readonly exists: boolean;
  /** Of every endpoint; those of an endpoint itself win. */
  readonly labels: Labels;
  /** By `ip:port`. */
  readonly entries: ReadonlyMap<string, EndpointEntry>;
}

/** For those who were told of a service that is there no more. */
export const NO_SERVICE: EndpointsState = { exists: false, labels: {}, entries: new Map() };

export function endpointsAnswer(view: MeshView, path: string): Answer<EndpointsState> {
  const asked = parseDestinationPath(path);
  if (asked === undefined) return refused(StatusCode.INVALID_ARGUMENT, 'the path is not NAME:PORT');
  if (asked.kind === 'address') {
    return refused(StatusCode.INVALID_ARGUMENT, 'the path is an IP address, not the name of a service');
  }
  const found = view.portNamed(asked.name, asked.port);
  if (found === undefined) {
    const what = `${asked.name}:${String(asked.port)}`;
    return refused(StatusCode.NOT_FOUND, `the mesh file has no service ${what}`);
  }
  const endpoints = view.endpointsOf(found.service);
  return endpoints === undefined ? { kind: 'pending' } : answered(endpointsState(found.service, endpoints));
}

function endpointsState(service: ServiceConfig, endpoints: readonly EndpointConfig[]): EndpointsState {
  const labels = serviceLabels(service);
  const entries = endpoints.map((endpoint): [string, EndpointEntry] => {
    const message = create(WeightedAddrSchema, weightedAddr(endpoint, service.http2Keepalive));
    const key = JSON.stringify([labels, endpoint.weight, endpoint.labels, service.http2Keepalive]);
    return [formatHostPort(endpoint.address), { message, key }];
  });
  return { exists: true, labels, entries: new Map(entries) };
}

export function serviceLabels(service: ServiceConfig): Labels {
  return { service: service.name, ...service.labels };
}

export function weightedAddr(
  { address, weight, labels }: EndpointConfig,
  keepalive: Http2KeepaliveConfig | undefined,
): MessageInitShape<typeof WeightedAddrSchema> {
  const base = { addr: fromHostPort(address), weight, metricLabels: { ...labels } };
  if (keepalive === undefined) return base;
  const { intervalMs, timeoutMs, whileIdle } = keepalive;
  const interval = fromMilliseconds(intervalMs);
  return { ...base, http2: { keepAlive: { interval, timeout: fromMilliseconds(timeoutMs), whileIdle } } };
}

/**
 * What brings somebody who was told `told` to `present`. Endpoints come before others go, so that there
 * are some at every moment; without any the whole set is cleared at once. Empty: nothing has changed.
 */
export function updatesBetween(told: EndpointsState | undefined, present: EndpointsState): readonly Update[] {
  if (present.entries.size === 0) {
    const isTold = told?.entries.size === 0 && told.exists === present.exists;
    const value = { exists: present.exists };
    return isTold ? [] : [create(UpdateSchema, { update: { case: 'noEndpoints', value } })];
  }
  const updates: Update[] = [];
  const added = [...present.entries].filter(([at, { key }]) => told?.entries.get(at)?.key !== key);
  if (added.length > 0) {
    const value = { addrs: added.map(([, { message }]) => message), metricLabels: { ...present.labels } };
    updates.push(create(UpdateSchema, { update: { case: 'add', value } }));
  }
  const removed = [...(told?.entries ?? [])].filter(([at]) => !present.entries.has(at));
  if (removed.length > 0) {
    const addrs = removed.flatMap(([, { message }]) => (message.addr === undefined ? [] : [message.addr]));
    updates.push(create(UpdateSchema, { update: { case: 'remove', value: { addrs } } }));
  }
  return updates;
}
