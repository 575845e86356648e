// Labels of the families about routes, in linkerd2-proxy's names and order: what the route belongs to
// (`parent_*`), the route (`route_*`), where it led (`backend_*`), and how it ended in its words. Those
// of ServiceProfiles are in profile-labels.ts.
import { GRPC_CODE_NAMES } from '../config/http-words.js';
import { formatIp } from '../core/ip.js';
import { type Labels, Reason } from '../dataplane/gen/contract_pb.js';
import type { ResourceInfo, RouteDirectory } from '../routing/route-directory.js';
import type { LabelText, LabelWriter } from './family-description.js';

const OVERFLOW: LabelText = { overflow: 'true' };

/** A route or backend that nobody remembers. */
const NOBODY: ResourceInfo = { group: '', kind: '', namespace: '', name: '', port: '', section: '' };

export function resourceText(prefix: 'parent' | 'backend', resource: ResourceInfo): LabelText {
  return {
    [`${prefix}_group`]: resource.group,
    [`${prefix}_kind`]: resource.kind,
    [`${prefix}_namespace`]: resource.namespace,
    [`${prefix}_name`]: resource.name,
    [`${prefix}_port`]: resource.port,
    [`${prefix}_section_name`]: resource.section,
  };
}

/** Parent and route. */
function ofRoute({ routeId }: Labels, routes: RouteDirectory): LabelText {
  const info = routes.routeInfo(routeId);
  const { group, kind, namespace, name } = info?.route ?? NOBODY;
  return {
    ...resourceText('parent', info?.parent ?? NOBODY),
    route_group: group,
    route_kind: kind,
    route_namespace: namespace,
    route_name: name,
  };
}

export const routeText: LabelWriter = (labels, directory) =>
  // Host names of requests are no label: whoever sends requests would choose how many series there are.
  labels.overflow ? OVERFLOW : { ...ofRoute(labels, directory), hostname: '' };

export const backendText: LabelWriter = (labels, directory) =>
  labels.overflow
    ? OVERFLOW
    : {
        ...ofRoute(labels, directory),
        ...resourceText('backend', directory.backendInfo(labels.backendId) ?? NOBODY),
      };

/** How a request or response ended: `http_status` or `grpc_status`, and `error`. */
export const statusText: LabelWriter = (labels, directory) => {
  if (labels.overflow) return OVERFLOW;
  const error = ROUTE_ERRORS[labels.reason] ?? 'UNKNOWN';
  if (directory.routeInfo(labels.routeId)?.kind === 'grpc') {
    return { grpc_status: grpcStatusName(labels.grpcStatus), error };
  }
  return { http_status: labels.statusCode === 0 ? '' : String(labels.statusCode), error };
};

/** A missing status is one that nobody knows. */
function grpcStatusName(code: number | undefined): string {
  const name = code === undefined ? undefined : GRPC_CODE_NAMES[code];
  return (name ?? 'unknown').toUpperCase().replaceAll('-', '_');
}

/** Anything else is `UNKNOWN`: also what clients gave up. */
const ROUTE_ERRORS: Readonly<Partial<Record<Reason, string>>> = {
  [Reason.NONE]: '',
  // Answered as the route wanted it: its status says so.
  [Reason.INJECTED_FAILURE]: '',
  [Reason.FAIL_FAST]: 'FAIL_FAST',
  [Reason.NO_ENDPOINTS]: 'FAIL_FAST',
  [Reason.NO_READY_BACKEND]: 'LOAD_SHED',
  [Reason.QUEUE_FULL]: 'LOAD_SHED',
  [Reason.OUT_OF_MEMORY_BUDGET]: 'LOAD_SHED',
  [Reason.REQUEST_TIMEOUT]: 'REQUEST_TIMEOUT',
  [Reason.RESPONSE_HEADERS_TIMEOUT]: 'RESPONSE_HEADERS_TIMEOUT',
  [Reason.ROUTE_TIMEOUT]: 'RESPONSE_HEADERS_TIMEOUT',
  [Reason.RESPONSE_TIMEOUT]: 'RESPONSE_STREAM_TIMEOUT',
  [Reason.STREAM_IDLE_TIMEOUT]: 'IDLE_TIMEOUT',
  [Reason.ENDPOINT_RESET]: 'RESET',
  [Reason.ENDPOINT_CLOSED]: 'IO',
  [Reason.CONNECT_REFUSED]: 'IO',
  [Reason.CONNECT_TIMEOUT]: 'IO',
  [Reason.CONNECT_FAILED]: 'IO',
  [Reason.KEEPALIVE_TIMEOUT]: 'IO',
  [Reason.OUT_OF_DESCRIPTORS]: 'IO',
  [Reason.INTERNAL]: 'IO',
};

const TCP_ROUTE_ERRORS: Readonly<Partial<Record<Reason, string>>> = {
  [Reason.NONE]: '',
  [Reason.FORBIDDEN]: 'forbidden',
  [Reason.INVALID_POLICY]: 'invalid_policy',
  [Reason.NO_DISPATCHER]: 'invalid_backend',
};

function endText({ reason }: Labels, ended: boolean): LabelText {
  return ended ? { error: TCP_ROUTE_ERRORS[reason] ?? 'unexpected' } : {};
}

/** Of connections; `ended`: with how. */
export function tcpRouteText(ended: boolean): LabelWriter {
  return (labels, directory) => {
    if (labels.overflow) return OVERFLOW;
    const address = labels.targetAddress;
    return {
      ...ofRoute(labels, directory),
      target_ip: address === undefined ? '' : formatIp(address.ip),
      target_port: address === undefined ? '' : String(address.port),
      ...endText(labels, ended),
    };
  };
}

/** Of connections that were routed by the server's name, which is their host name. */
export function tlsRouteText(ended: boolean): LabelWriter {
  return (labels, directory) =>
    labels.overflow
      ? OVERFLOW
      : { ...ofRoute(labels, directory), hostname: labels.serverName, ...endText(labels, ended) };
}
