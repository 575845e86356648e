// Names, help, types and bucket bounds of the families that the data plane counts. Those that
// linkerd2-proxy has too keep its names and meaning; the rest begin with `sluice_`. The data plane is
// told the bounds (MetricSettings) and never sees a name.
import { Family } from '../dataplane/gen/contract_pb.js';

export type FamilyType = 'counter' | 'gauge' | 'histogram';

export interface FamilyDescription {
  readonly name: string;
  readonly help: string;
  readonly type: FamilyType;
  /** Upper bounds of a histogram, ascending, without +Inf; empty for the other types. */
  readonly bounds: readonly number[];
}

/** Upper bounds of `response_latency_ms`. */
export const LATENCY_BOUNDS_MS: readonly number[] = [
  1, 2, 3, 4, 5, 10, 20, 30, 40, 50, 100, 200, 300, 400, 500, 1000, 2000, 3000, 4000, 5000, 10_000, 20_000,
  30_000, 40_000, 50_000,
];

/** Upper bounds of `tcp_connection_duration_ms`: the same, so that one dashboard panel fits both. */
export const DURATION_BOUNDS_MS: readonly number[] = LATENCY_BOUNDS_MS;

/** Upper bounds of `sluice_detect_duration_us`: a client that spoke at once, and one that took its time. */
export const DETECT_DURATION_BOUNDS_US: readonly number[] = [1000, 100_000];

type CountedFamily = Exclude<Family, Family.FAMILY_UNSPECIFIED>;

function counter(name: string, help: string): FamilyDescription {
  return { name, help, type: 'counter', bounds: [] };
}

function gauge(name: string, help: string): FamilyDescription {
  return { name, help, type: 'gauge', bounds: [] };
}

function histogram(name: string, help: string, bounds: readonly number[]): FamilyDescription {
  return { name, help, type: 'histogram', bounds };
}

/** In the order of the page. The compiler refuses a family of the contract that is missing here. */
export const FAMILIES: Readonly<Record<CountedFamily, FamilyDescription>> = {
  [Family.REQUEST_TOTAL]: counter('request_total', 'HTTP requests sent to an endpoint.'),
  [Family.RESPONSE_TOTAL]: counter('response_total', 'HTTP responses that ended, by how they ended.'),
  [Family.RESPONSE_LATENCY_MS]: histogram(
    'response_latency_ms',
    'Milliseconds from the head of a request to the first byte of the body of its response.',
    LATENCY_BOUNDS_MS,
  ),
  [Family.TCP_OPEN_TOTAL]: counter('tcp_open_total', 'Connections opened.'),
  [Family.TCP_OPEN_CONNECTIONS]: gauge('tcp_open_connections', 'Connections open now.'),
  [Family.TCP_CLOSE_TOTAL]: counter('tcp_close_total', 'Connections closed, by errno; empty: cleanly.'),
  [Family.TCP_CONNECTION_DURATION_MS]: histogram(
    'tcp_connection_duration_ms',
    'Milliseconds that closed connections were open.',
    DURATION_BOUNDS_MS,
  ),
  [Family.TCP_READ_BYTES_TOTAL]: counter('tcp_read_bytes_total', 'Bytes read from peers.'),
  [Family.TCP_WRITE_BYTES_TOTAL]: counter('tcp_write_bytes_total', 'Bytes written to peers.'),
  [Family.DETECT_RESULTS_TOTAL]: counter(
    'sluice_detect_results_total',
    'Connections whose protocol was detected, by result.',
  ),
  [Family.REQUEST_ERRORS_TOTAL]: counter(
    'sluice_request_errors_total',
    'Requests that did not get the response of an endpoint, by reason.',
  ),
  [Family.CONNECTION_ERRORS_TOTAL]: counter(
    'sluice_connection_errors_total',
    'Connections that ended otherwise than their peers wished, by reason.',
  ),
  [Family.ACCEPT_ERRORS_TOTAL]: counter('sluice_accept_errors_total', 'Failures of accept(2), by errno.'),
  [Family.REQUEST_REPLAYS_TOTAL]: counter(
    'sluice_request_replays_total',
    'Requests sent again because a reused connection had died before it answered.',
  ),
  [Family.DIALS_TOTAL]: counter('sluice_dials_total', 'Connections begun to endpoints.'),
  [Family.BUFFER_BYTES]: gauge('sluice_buffer_bytes', 'Bytes held in user-space buffers now.'),
  [Family.ROUTE_REQUEST_DURATION_MS]: histogram(
    'sluice_route_request_duration_ms',
    'route_request_duration_ms.',
    [],
  ),
  [Family.ROUTE_REQUEST_STATUSES_TOTAL]: counter(
    'sluice_route_request_statuses_total',
    'route_request_statuses_total.',
  ),
  [Family.ROUTE_REQUEST_FRAME_BYTES]: histogram(
    'sluice_route_request_frame_bytes',
    'route_request_frame_bytes.',
    [],
  ),
  [Family.ROUTE_RETRY_REQUESTS_TOTAL]: counter(
    'sluice_route_retry_requests_total',
    'route_retry_requests_total.',
  ),
  [Family.ROUTE_RETRY_SUCCESSES_TOTAL]: counter(
    'sluice_route_retry_successes_total',
    'route_retry_successes_total.',
  ),
  [Family.ROUTE_RETRY_OVERFLOW_TOTAL]: counter(
    'sluice_route_retry_overflow_total',
    'route_retry_overflow_total.',
  ),
  [Family.ROUTE_RETRY_LIMIT_EXCEEDED_TOTAL]: counter(
    'sluice_route_retry_limit_exceeded_total',
    'route_retry_limit_exceeded_total.',
  ),
  [Family.BACKEND_REQUESTS_TOTAL]: counter('sluice_backend_requests_total', 'backend_requests_total.'),
  [Family.BACKEND_RESPONSE_DURATION_MS]: histogram(
    'sluice_backend_response_duration_ms',
    'backend_response_duration_ms.',
    [],
  ),
  [Family.BACKEND_RESPONSE_STATUSES_TOTAL]: counter(
    'sluice_backend_response_statuses_total',
    'backend_response_statuses_total.',
  ),
  [Family.BACKEND_RESPONSE_FRAME_BYTES]: histogram(
    'sluice_backend_response_frame_bytes',
    'backend_response_frame_bytes.',
    [],
  ),
  [Family.DETECT_DURATION_US]: histogram(
    'sluice_detect_duration_us',
    'Microseconds from the accept of a connection to the detection of its protocol.',
    DETECT_DURATION_BOUNDS_US,
  ),
  [Family.TCP_PROTOCOL_CONNECTIONS_TOTAL]: counter(
    'sluice_tcp_protocol_connections_total',
    'Connections accepted, by the protocol their destination declares.',
  ),
  [Family.TCP_ROUTE_OPEN_TOTAL]: counter('sluice_tcp_route_open_total', 'tcp_route_open_total.'),
  [Family.TCP_ROUTE_CLOSE_TOTAL]: counter('sluice_tcp_route_close_total', 'tcp_route_close_total.'),
};

/** Families in the order of the page: that of their numbers. */
export const FAMILY_ORDER: readonly FamilyDescription[] = Object.values(FAMILIES);

/** The description of a family; undefined for one that this build does not know. */
export function describeFamily(family: Family): FamilyDescription | undefined {
  return (FAMILIES as Readonly<Partial<Record<Family, FamilyDescription>>>)[family];
}
