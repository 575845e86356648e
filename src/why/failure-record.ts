// A failure with everything that was known when it came, as plain values: what `/why.json` shows and
// what failures are compared by. Texts of peers are cut, so that memory is bounded by the number of records.
import { addressText } from '../dataplane/address-text.js';
import { Direction, type Failure, Reason } from '../dataplane/gen/contract_pb.js';
import { reasonName } from '../dataplane/reason-name.js';
import { type RouteInfo } from '../routing/route-directory.js';
import { type TargetInfo } from '../routing/target-directory.js';
import { type EndpointsPicture } from './endpoints-picture.js';

export interface FailureRecord {
  /** How often in a row; the rest is that of the last time. */
  readonly count: number;
  /** Unix milliseconds. */
  readonly firstMs: number;
  readonly lastMs: number;
  readonly direction: 'outbound' | 'inbound';
  readonly reason: string;
  /** The sentence: cause after cause. */
  readonly detail: string;
  readonly client: string | undefined;
  /** Where the client wanted to go. */
  readonly destination: string | undefined;
  /** Of the target, such as `web:80`; of the destination's usual one when none had been chosen. */
  readonly authority: string | undefined;
  /** Of the endpoint and of its target. */
  readonly labels: Readonly<Record<string, string>>;
  readonly endpoint: string | undefined;
  /** undefined when a connection failed rather than a request. */
  readonly request: { readonly method: string; readonly path: string } | undefined;
  /** Of the route that had been chosen, such as `HTTPRoute.web.canary`. */
  readonly route: string | undefined;
  /** Requests sent to endpoints before it failed, the first try included; undefined: none was. */
  readonly tries: number | undefined;
  /** Of the answer that the proxy made. */
  readonly status: number | undefined;
  readonly endpoints: EndpointsPicture | undefined;
}

const LONGEST_METHOD = 32;
const LONGEST_PATH = 256;
const LONGEST_DETAIL = 512;

/** What the state of a target's endpoints explains. */
export const EXPLAINED_BY_ENDPOINTS: ReadonlySet<Reason> = new Set([
  Reason.FAIL_FAST,
  Reason.NO_ENDPOINTS,
  Reason.QUEUE_FULL,
]);

const ENDPOINTS_EXPLAIN_NAMES: ReadonlySet<string> = new Set([...EXPLAINED_BY_ENDPOINTS].map(reasonName));

/** Failures of one endpoint, where one wants to see the others too. */
const OF_ONE_ENDPOINT: ReadonlySet<Reason> = new Set([
  Reason.CONNECT_REFUSED,
  Reason.CONNECT_TIMEOUT,
  Reason.CONNECT_FAILED,
  Reason.ENDPOINT_REMOVED,
]);

export function wantsPicture(reason: Reason): boolean {
  return EXPLAINED_BY_ENDPOINTS.has(reason) || OF_ONE_ENDPOINT.has(reason);
}

export function directionName(direction: Direction): 'outbound' | 'inbound' {
  return direction === Direction.INBOUND ? 'inbound' : 'outbound';
}

/** What the rest of the control logic knows of a failure. */
export interface FailureContext {
  readonly target?: TargetInfo | undefined;
  readonly route?: RouteInfo | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly endpoints?: EndpointsPicture | undefined;
}

export function recordOf(failure: Failure, context: FailureContext): FailureRecord {
  const timeMs = Number(failure.timeMs);
  const { method, path, status, tries } = failure;
  const { target, route, labels = {}, endpoints } = context;
  return {
    count: 1,
    firstMs: timeMs,
    lastMs: timeMs,
    direction: directionName(failure.direction),
    reason: reasonName(failure.reason),
    detail: cut(failure.detail, LONGEST_DETAIL),
    client: failure.client && addressText(failure.client),
    destination: failure.originalDestination && addressText(failure.originalDestination),
    authority: target === undefined || target.authority === '' ? undefined : target.authority,
    labels,
    endpoint: failure.endpoint && addressText(failure.endpoint),
    request:
      method === '' && path === '' && status === 0
        ? undefined
        : { method: cut(method, LONGEST_METHOD), path: cut(path, LONGEST_PATH) },
    route: route?.name,
    tries: tries === 0 ? undefined : tries,
    status: status === 0 ? undefined : status,
    endpoints,
  };
}

/**
 * Failures that are the same one again have equal keys. What no single endpoint explains is the same
 * whichever of them was tried last.
 */
export function keyOf(record: FailureRecord): string {
  const { direction, reason, destination, authority, route, status } = record;
  const ofAll = ENDPOINTS_EXPLAIN_NAMES.has(reason);
  return JSON.stringify([
    direction,
    reason,
    destination,
    authority,
    route,
    status,
    record.request === undefined,
    ...(ofAll ? [] : [record.endpoint, record.detail]),
  ]);
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
