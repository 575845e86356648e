// What the workers see of one endpoint at the moment of an inspection, in words of the control logic.
import { getSystemErrorMap } from 'node:util';

import { type EndpointInspection, EndpointState } from './gen/contract_pb.js';

export interface EndpointLive {
  readonly state: 'ready' | 'backoff';
  readonly inFlight: number;
  readonly idleConnections: number;
  readonly ewmaMs: number;
  /** Name of the errno of the last failed attempt. */
  readonly lastError?: string;
  /** Until the next attempt; only in back-off. 0: it is due or under way. */
  readonly nextAttemptMs?: number;
}

const STATES: Readonly<Record<EndpointState, EndpointLive['state']>> = {
  [EndpointState.ENDPOINT_READY]: 'ready',
  [EndpointState.ENDPOINT_BACKOFF]: 'backoff',
};

function errnoName(errno: number): string {
  return getSystemErrorMap().get(-errno)?.[0] ?? `errno ${errno}`;
}

export function endpointLive(inspected: EndpointInspection): EndpointLive {
  const state = STATES[inspected.state];
  return {
    state,
    inFlight: inspected.inFlight,
    idleConnections: inspected.idleConnections,
    ewmaMs: inspected.ewmaMs,
    ...(inspected.lastErrno === 0 ? {} : { lastError: errnoName(inspected.lastErrno) }),
    ...(state === 'backoff' ? { nextAttemptMs: inspected.nextAttemptMs } : {}),
  };
}
