// Labels of the families about the policies of servers, in linkerd2-proxy's names and order (reference
// §8.2, §8.5, §8.7): where a client wanted to go, which server that is, what decided, and what TLS says
// of the client. Nothing does: mesh TLS is not spoken yet.
import { formatHostPort, formatIp } from '../core/ip.js';
import { type Labels, RateLimitScope, Reason } from '../dataplane/gen/contract_pb.js';
import type { PolicyInfo } from '../routing/route-directory.js';
import type { Directory, LabelText, LabelWriter } from './family-description.js';

const OVERFLOW: LabelText = { overflow: 'true' };

/** A server, authorization or route that nobody remembers. */
const NOBODY: PolicyInfo = { group: '', kind: '', name: '' };

type Part = (labels: Labels, directory: Directory) => LabelText;

function named(prefix: string, info: PolicyInfo | undefined): LabelText {
  const { group, kind, name } = info ?? NOBODY;
  return { [`${prefix}_group`]: group, [`${prefix}_kind`]: kind, [`${prefix}_name`]: name };
}

const target: Part = ({ targetAddress }) => {
  if (targetAddress === undefined) return { target_addr: '', target_ip: '', target_port: '' };
  const address = { ip: formatIp(targetAddress.ip), port: targetAddress.port };
  return {
    target_addr: formatHostPort(address),
    target_ip: address.ip,
    target_port: String(address.port),
  };
};

const server: Part = ({ serverId, targetAddress }, directory) => ({
  ...named('srv', directory.serverInfo(serverId)),
  srv_port: targetAddress === undefined ? '' : String(targetAddress.port),
});

const route: Part = ({ routeId }, directory) => named('route', directory.routeInfo(routeId)?.route);

const authorization: Part = ({ authorizationId }, directory) =>
  named('authz', directory.authorizationInfo(authorizationId));

const rateLimit: Part = ({ rateLimitId, rateLimitScope }, directory) => ({
  ...named('ratelimit', directory.rateLimitInfo(rateLimitId)),
  ratelimit_scope: rateLimitScope === RateLimitScope.SCOPE_TOTAL ? 'total' : 'identity',
});

const tls: Part = ({ portSkipped }) => ({
  tls: 'no_identity',
  no_tls_reason: portSkipped ? 'port_skipped' : 'no_tls_from_remote',
});

function written(...parts: readonly Part[]): LabelWriter {
  return (labels, directory) =>
    labels.overflow
      ? OVERFLOW
      : parts.reduce<LabelText>((text, part) => ({ ...text, ...part(labels, directory) }), {});
}

export const requestAllowedText = written(target, server, route, authorization, tls);
export const requestDeniedText = written(target, server, route, tls);
export const routeNotFoundText = written(target, server, tls);
export const rateLimitText = written(target, server, rateLimit, tls);
export const connectionAllowedText = written(target, server, authorization, tls);
export const connectionDeniedText = written(target, server, tls);

/** Of requests that a server let in. */
const admitted: Part = ({ serverId, serverPort, routeId }, directory) => ({
  ...named('parent', directory.serverInfo(serverId)),
  parent_port: serverPort === 0 ? '' : String(serverPort),
  ...named('route', directory.routeInfo(routeId)?.route),
});

export const admittedText = written(admitted);

/** And `status`: of HTTP, or the number of gRPC's; empty where there was none. */
export const admittedStatusText = written(admitted, ({ routeId, statusCode, grpcStatus }, directory) => {
  if (directory.routeInfo(routeId)?.kind === 'grpc') return { status: String(grpcStatus ?? '') };
  return { status: statusCode === 0 ? '' : String(statusCode) };
});

/** In linkerd's words; what is missing it does not count as an error of the server. */
const REQUEST_ERRORS: Readonly<Partial<Record<Reason, string>>> = {
  [Reason.FAIL_FAST]: 'failfast',
  [Reason.NO_ENDPOINTS]: 'failfast',
  [Reason.QUEUE_FULL]: 'loadshed',
  [Reason.NO_READY_BACKEND]: 'loadshed',
  [Reason.TOO_MANY_IN_FLIGHT]: 'loadshed',
  [Reason.OUT_OF_MEMORY_BUDGET]: 'loadshed',
  [Reason.RATE_LIMITED]: 'unexpected',
  [Reason.INVALID_POLICY]: 'unexpected',
  [Reason.INJECTED_FAILURE]: 'unexpected',
  [Reason.NO_DISPATCHER]: 'unexpected',
  [Reason.INTERNAL]: 'unexpected',
};

const CONNECTION_ERRORS: Readonly<Partial<Record<Reason, string>>> = {
  [Reason.CLIENT_RESET]: 'i/o',
  [Reason.ENDPOINT_RESET]: 'i/o',
  [Reason.CONNECT_REFUSED]: 'i/o',
  [Reason.CONNECT_TIMEOUT]: 'i/o',
  [Reason.CONNECT_FAILED]: 'i/o',
  [Reason.OUT_OF_DESCRIPTORS]: 'i/o',
  [Reason.FAIL_FAST]: 'failfast',
  [Reason.NO_READY_BACKEND]: 'loadshed',
  [Reason.DETECT_TIMEOUT]: 'tls detection timeout',
  [Reason.ADDRESS_NOT_ALLOWED]: 'unexpected',
  [Reason.NO_ORIGINAL_DESTINATION]: 'unexpected',
  [Reason.LOOP_REFUSED]: 'unexpected',
  [Reason.NO_DISPATCHER]: 'unexpected',
  [Reason.INVALID_POLICY]: 'unexpected',
  [Reason.INTERNAL]: 'unexpected',
};

export function isRequestError({ reason, overflow }: Labels): boolean {
  return overflow || reason in REQUEST_ERRORS;
}

export function isConnectionError({ reason, overflow }: Labels): boolean {
  return overflow || reason in CONNECTION_ERRORS;
}

export const requestErrorText = written(
  ({ reason }) => ({ error: REQUEST_ERRORS[reason] ?? '' }),
  target,
  server,
);
export const connectionErrorText = written(
  ({ reason }) => ({ error: CONNECTION_ERRORS[reason] ?? '' }),
  target,
);
