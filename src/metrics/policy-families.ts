// Families about the policies of servers: who was let in, what was counted of them, and what went
// wrong on the inbound side.
import { Family, type Labels } from '../dataplane/gen/contract_pb.js';
import type { RouteDirectory } from '../routing/route-directory.js';
import {
  counter,
  type FamilyDescription,
  histogram,
  MILLISECONDS,
  type Shown,
} from './family-description.js';
import { METRIC_BOUNDS } from './metric-bounds.js';
import {
  admittedStatusText,
  admittedText,
  connectionAllowedText,
  connectionDeniedText,
  connectionErrorText,
  isConnectionError,
  isRequestError,
  rateLimitText,
  requestAllowedText,
  requestDeniedText,
  requestErrorText,
  routeNotFoundText,
} from './policy-labels.js';

function always(family: FamilyDescription): Shown {
  return { all: [family], of: () => [family] };
}

/** For series that linkerd has, too. */
function where(wanted: (labels: Labels) => boolean, family: FamilyDescription): Shown {
  return { all: [family], of: (labels) => (wanted(labels) ? [family] : []) };
}

/** `inbound_http_…` or `inbound_grpc_…`, by the kind of the route. */
function byKind(describe: (prefix: string) => FamilyDescription): Shown {
  const http = describe('inbound_http');
  const grpc = describe('inbound_grpc');
  const of = ({ routeId }: Labels, routes: RouteDirectory): readonly FamilyDescription[] => [
    routes.routeInfo(routeId)?.kind === 'grpc' ? grpc : http,
  ];
  return { all: [http, grpc], of };
}

export const POLICY_FAMILIES = {
  [Family.HTTP_AUTHZ_ALLOW_TOTAL]: always(
    counter('inbound_http_authz_allow_total', 'Requests that an authorization allowed.', requestAllowedText),
  ),
  [Family.HTTP_AUTHZ_DENY_TOTAL]: always(
    counter('inbound_http_authz_deny_total', 'Requests that no authorization allowed.', requestDeniedText),
  ),
  [Family.HTTP_ROUTE_NOT_FOUND_TOTAL]: always(
    counter(
      'inbound_http_route_not_found_total',
      'Requests that no route of the server takes.',
      routeNotFoundText,
    ),
  ),
  [Family.HTTP_RATE_LIMIT_TOTAL]: always(
    counter(
      'inbound_http_local_ratelimit_total',
      'Requests beyond a rate limit of the server, by the limit that they met.',
      rateLimitText,
    ),
  ),
  [Family.TCP_AUTHZ_ALLOW_TOTAL]: always(
    counter(
      'inbound_tcp_authz_allow_total',
      'Connections that are not HTTP, and that an authorization allowed.',
      connectionAllowedText,
    ),
  ),
  [Family.TCP_AUTHZ_DENY_TOTAL]: always(
    counter(
      'inbound_tcp_authz_deny_total',
      'Connections that are not HTTP, and that no authorization allowed.',
      connectionDeniedText,
    ),
  ),
  [Family.TCP_AUTHZ_TERMINATE_TOTAL]: always(
    counter(
      'inbound_tcp_authz_terminate_total',
      'Connections cut because a new policy no longer allows them.',
      connectionDeniedText,
    ),
  ),
  [Family.HTTP_SERVER_ERRORS_TOTAL]: where(
    isRequestError,
    counter(
      'inbound_http_errors_total',
      'Requests that the proxy answered in place of the application.',
      requestErrorText,
    ),
  ),
  [Family.TCP_SERVER_ERRORS_TOTAL]: where(
    isConnectionError,
    counter('inbound_tcp_errors_total', 'Connections that failed.', connectionErrorText),
  ),
  [Family.SERVER_REQUESTS_TOTAL]: byKind((prefix) =>
    counter(`${prefix}_requests_total`, 'Requests passed on to the application.', admittedText),
  ),
  [Family.SERVER_REQUEST_DURATION_MS]: byKind((prefix) =>
    histogram(
      `${prefix}_request_duration_seconds`,
      'Seconds from the arrival of a request to the end of its response.',
      METRIC_BOUNDS.backendDurationMs,
      admittedText,
      MILLISECONDS,
    ),
  ),
  [Family.SERVER_RESPONSE_DURATION_MS]: byKind((prefix) =>
    histogram(
      `${prefix}_response_duration_seconds`,
      'Seconds from the end of a request to the end of its response.',
      METRIC_BOUNDS.routeDurationMs,
      admittedText,
      MILLISECONDS,
    ),
  ),
  [Family.SERVER_REQUEST_FRAME_BYTES]: byKind((prefix) =>
    histogram(
      `${prefix}_request_frame_size_bytes`,
      'Sizes of the frames of requests.',
      METRIC_BOUNDS.frameBytes,
      admittedText,
    ),
  ),
  [Family.SERVER_RESPONSE_FRAME_BYTES]: byKind((prefix) =>
    histogram(
      `${prefix}_response_frame_size_bytes`,
      'Sizes of the frames of responses.',
      METRIC_BOUNDS.frameBytes,
      admittedText,
    ),
  ),
  [Family.SERVER_STATUSES_TOTAL]: byKind((prefix) =>
    counter(`${prefix}_statuses_total`, 'Responses that ended, by their status.', admittedStatusText),
  ),
} as const;
