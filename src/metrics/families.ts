// Names, help, types and bucket bounds of the families that the data plane counts. Those that
// linkerd2-proxy has too keep its names and meaning; the rest begin with `sluice_`. The data plane is
// told the bounds (metric-bounds.ts) and never sees a name. What it counts in one family is shown in
// several where linkerd2-proxy has several: by kind of route, by direction.
import { Direction, Family, type Labels } from '../dataplane/gen/contract_pb.js';
import type { RouteDirectory } from '../routing/route-directory.js';
import {
  counter,
  type FamilyDescription,
  gauge,
  histogram,
  MICROSECONDS,
  MILLISECONDS,
  type Shown,
} from './family-description.js';
import { detectDurationText, detectResultText, protocolText } from './detect-labels.js';
import { METRIC_BOUNDS } from './metric-bounds.js';
import { POLICY_FAMILIES } from './policy-families.js';
import { profileLatencyText, profileResponseText, profileRetryText, profileText } from './profile-labels.js';
import { backendText, routeText, statusText, tcpRouteText, tlsRouteText } from './route-labels.js';

type CountedFamily = Exclude<Family, Family.FAMILY_UNSPECIFIED>;

function always(...all: readonly FamilyDescription[]): Shown {
  return { all, of: () => all };
}

/** `outbound_http_…` or `outbound_grpc_…`, by the kind of the route. */
function byKind(describe: (prefix: string) => FamilyDescription): Shown {
  const http = describe('outbound_http_route');
  const grpc = describe('outbound_grpc_route');
  return {
    all: [http, grpc],
    of: ({ routeId }, routes) => [routes.routeInfo(routeId)?.kind === 'grpc' ? grpc : http],
  };
}

/** `outbound_tcp_…` or `inbound_tcp_…`; and the families of `beside`, whichever it is. */
function byDirection(describe: (prefix: string) => FamilyDescription, ...beside: FamilyDescription[]): Shown {
  const outbound = describe('outbound_tcp');
  const inbound = describe('inbound_tcp');
  return {
    all: [...beside, outbound, inbound],
    of: ({ direction }) => [...beside, direction === Direction.INBOUND ? inbound : outbound],
  };
}

/** In the order of the page. The compiler refuses a family of the contract that is missing here. */
export const FAMILIES: Readonly<Record<CountedFamily, Shown>> = {
  [Family.REQUEST_TOTAL]: always(counter('request_total', 'HTTP requests sent to an endpoint.')),
  [Family.RESPONSE_TOTAL]: always(counter('response_total', 'HTTP responses that ended, by how they ended.')),
  [Family.RESPONSE_LATENCY_MS]: always(
    histogram(
      'response_latency_ms',
      'Milliseconds from the head of a request to the first byte of the body of its response.',
      METRIC_BOUNDS.latencyMs,
    ),
  ),
  [Family.TCP_OPEN_TOTAL]: always(counter('tcp_open_total', 'Connections opened.')),
  [Family.TCP_OPEN_CONNECTIONS]: always(gauge('tcp_open_connections', 'Connections open now.')),
  [Family.TCP_CLOSE_TOTAL]: always(
    counter('tcp_close_total', 'Connections closed, by errno; empty: cleanly.'),
  ),
  [Family.TCP_CONNECTION_DURATION_MS]: always(
    histogram(
      'tcp_connection_duration_ms',
      'Milliseconds that closed connections were open.',
      METRIC_BOUNDS.durationMs,
    ),
  ),
  [Family.TCP_READ_BYTES_TOTAL]: always(counter('tcp_read_bytes_total', 'Bytes read from peers.')),
  [Family.TCP_WRITE_BYTES_TOTAL]: always(counter('tcp_write_bytes_total', 'Bytes written to peers.')),
  [Family.DETECT_RESULTS_TOTAL]: byDirection(
    (prefix) =>
      counter(
        `${prefix}_detect_http_results_total`,
        'Connections whose protocol was detected, by result.',
        detectResultText,
      ),
    counter(
      'sluice_detect_results_total',
      'Connections whose protocol was detected, by result, with those that linkerd does not tell apart.',
    ),
  ),
  [Family.REQUEST_ERRORS_TOTAL]: always(
    counter(
      'sluice_request_errors_total',
      'Requests that did not get the response of an endpoint, by reason.',
    ),
  ),
  [Family.CONNECTION_ERRORS_TOTAL]: always(
    counter(
      'sluice_connection_errors_total',
      'Connections that ended otherwise than their peers wished, by reason.',
    ),
  ),
  [Family.ACCEPT_ERRORS_TOTAL]: always(
    counter('sluice_accept_errors_total', 'Failures of accept(2), by errno.'),
  ),
  [Family.REQUEST_REPLAYS_TOTAL]: always(
    counter(
      'sluice_request_replays_total',
      'Requests sent again because a reused connection had died before it answered.',
    ),
  ),
  [Family.DIALS_TOTAL]: always(counter('sluice_dials_total', 'Connections begun to endpoints.')),
  [Family.BUFFER_BYTES]: always(gauge('sluice_buffer_bytes', 'Bytes held in user-space buffers now.')),
  [Family.ROUTE_REQUEST_DURATION_MS]: byKind((prefix) =>
    histogram(
      `${prefix}_request_duration_seconds`,
      'Seconds from the arrival of a request at its route to the end of its response.',
      METRIC_BOUNDS.routeDurationMs,
      routeText,
      MILLISECONDS,
    ),
  ),
  [Family.ROUTE_REQUEST_STATUSES_TOTAL]: byKind((prefix) =>
    counter(
      `${prefix}_request_statuses_total`,
      'Requests of a route that ended, by how they ended.',
      (labels, directory) => ({ ...routeText(labels, directory), ...statusText(labels, directory) }),
    ),
  ),
  [Family.ROUTE_REQUEST_FRAME_BYTES]: byKind((prefix) =>
    histogram(
      `${prefix}_request_frame_size_bytes`,
      'Sizes of the frames of requests.',
      METRIC_BOUNDS.frameBytes,
      routeText,
    ),
  ),
  [Family.ROUTE_RETRY_REQUESTS_TOTAL]: byKind((prefix) =>
    counter(`${prefix}_retry_requests_total`, 'Requests sent again.', routeText),
  ),
  [Family.ROUTE_RETRY_SUCCESSES_TOTAL]: byKind((prefix) =>
    counter(`${prefix}_retry_successes_total`, 'Requests that sending them again saved.', routeText),
  ),
  [Family.ROUTE_RETRY_OVERFLOW_TOTAL]: byKind((prefix) =>
    counter(
      `${prefix}_retry_overflow_total`,
      'Requests not sent again: the budget was spent, or no backend was ready.',
      routeText,
    ),
  ),
  [Family.ROUTE_RETRY_LIMIT_EXCEEDED_TOTAL]: byKind((prefix) =>
    counter(
      `${prefix}_retry_limit_exceeded_total`,
      'Requests not sent again: they had been sent often enough.',
      routeText,
    ),
  ),
  [Family.BACKEND_REQUESTS_TOTAL]: byKind((prefix) =>
    counter(
      `${prefix}_backend_requests_total`,
      'Requests sent to a backend, every try of them.',
      backendText,
    ),
  ),
  [Family.BACKEND_RESPONSE_DURATION_MS]: byKind((prefix) =>
    histogram(
      `${prefix}_backend_response_duration_seconds`,
      'Seconds from the end of a request to the end of its response.',
      METRIC_BOUNDS.backendDurationMs,
      backendText,
      MILLISECONDS,
    ),
  ),
  [Family.BACKEND_RESPONSE_STATUSES_TOTAL]: byKind((prefix) =>
    counter(
      `${prefix}_backend_response_statuses_total`,
      'Responses of a backend that ended, by how they ended.',
      (labels, directory) => ({ ...backendText(labels, directory), ...statusText(labels, directory) }),
    ),
  ),
  [Family.BACKEND_RESPONSE_FRAME_BYTES]: byKind((prefix) =>
    histogram(
      `${prefix}_backend_response_frame_size_bytes`,
      'Sizes of the frames of responses.',
      METRIC_BOUNDS.frameBytes,
      backendText,
    ),
  ),
  [Family.DETECT_DURATION_US]: byDirection((prefix) =>
    histogram(
      `${prefix}_detect_http_duration_seconds`,
      'Seconds until the protocol of a connection was detected.',
      METRIC_BOUNDS.detectDurationUs,
      detectDurationText,
      MICROSECONDS,
    ),
  ),
  [Family.TCP_PROTOCOL_CONNECTIONS_TOTAL]: byDirection((prefix) =>
    counter(
      `${prefix}_protocol_connections_total`,
      'Connections by what was known of their protocol when they came.',
      protocolText,
    ),
  ),
  [Family.TCP_ROUTE_OPEN_TOTAL]: always(
    counter(
      'outbound_tcp_route_open_total',
      'Connections that are not HTTP, given to a route.',
      tcpRouteText(false),
    ),
  ),
  [Family.TCP_ROUTE_CLOSE_TOTAL]: always(
    counter(
      'outbound_tcp_route_close_total',
      'Connections of a route that ended, by how they ended.',
      tcpRouteText(true),
    ),
  ),
  ...POLICY_FAMILIES,
  [Family.PROFILE_REQUEST_TOTAL]: always(
    counter('route_request_total', 'Requests of a route of a ServiceProfile.', profileText),
  ),
  [Family.PROFILE_RESPONSE_TOTAL]: always(
    counter(
      'route_response_total',
      'Responses to requests of a route of a ServiceProfile, by how they ended.',
      profileResponseText,
    ),
  ),
  [Family.PROFILE_RESPONSE_LATENCY_MS]: always(
    histogram(
      'route_response_latency_ms',
      'Milliseconds from the arrival of a request at its route to the first byte of the body of its response.',
      METRIC_BOUNDS.latencyMs,
      profileLatencyText,
    ),
  ),
  [Family.PROFILE_ACTUAL_REQUEST_TOTAL]: always(
    counter(
      'route_actual_request_total',
      'Requests of a route of a ServiceProfile, every try of them.',
      profileText,
    ),
  ),
  [Family.PROFILE_ACTUAL_RESPONSE_TOTAL]: always(
    counter(
      'route_actual_response_total',
      'Responses to the tries of requests of a route of a ServiceProfile, by how they ended.',
      profileResponseText,
    ),
  ),
  [Family.PROFILE_RETRYABLE_TOTAL]: always(
    counter(
      'route_retryable_total',
      'Responses after which a request was to be sent again; skipped: it was not.',
      profileRetryText,
    ),
  ),
  [Family.TLS_ROUTE_OPEN_TOTAL]: always(
    counter(
      'outbound_tls_route_open_total',
      'Connections given to a route by the name of the server that they asked for.',
      tlsRouteText(false),
    ),
  ),
  [Family.TLS_ROUTE_CLOSE_TOTAL]: always(
    counter(
      'outbound_tls_route_close_total',
      'Connections of a route by the name of the server that ended, by how they ended.',
      tlsRouteText(true),
    ),
  ),
};

/** Everything that is shown, in the order of the page: that of the numbers of the contract. */
export const FAMILY_ORDER: readonly FamilyDescription[] = Object.values(FAMILIES).flatMap(({ all }) => all);

/** What a series is shown as; undefined for a family that this build does not know. */
export function describeSeries(
  family: Family,
  labels: Labels,
  routes: RouteDirectory,
): readonly FamilyDescription[] | undefined {
  return (FAMILIES as Readonly<Partial<Record<Family, Shown>>>)[family]?.of(labels, routes);
}
