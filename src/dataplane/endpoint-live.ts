// What the workers see of one endpoint at the moment of an inspection, in words of the control logic.
import { getSystemErrorMap } from 'node:util';

import { EjectionRule, type EndpointInspection, EndpointState } from './gen/contract_pb.js';

export interface EndpointLive {
  readonly state: 'ready' | 'backoff' | 'ejected';
  /** The rule that took it out; only when it is ejected. */
  readonly ejectedBy?: string;
  readonly inFlight: number;
  readonly idleConnections: number;
  readonly ewmaMs: number;
  /** Name of the errno of the last failed attempt. */
  readonly lastError?: string;
  /** Until the next attempt; not when it is ready. 0: it is due or under way. */
  readonly nextAttemptMs?: number;
}

const STATES: Readonly<Record<EndpointState, EndpointLive['state']>> = {
  [EndpointState.ENDPOINT_READY]: 'ready',
  [EndpointState.ENDPOINT_BACKOFF]: 'backoff',
  [EndpointState.ENDPOINT_EJECTED]: 'ejected',
};

const RULES: Readonly<Record<EjectionRule, string | undefined>> = {
  [EjectionRule.EJECTION_NONE]: undefined,
  [EjectionRule.CONSECUTIVE_FAILURES]: 'consecutive failures',
  [EjectionRule.SUCCESS_RATIO]: 'its success ratio',
};

function errnoName(errno: number): string {
  return getSystemErrorMap().get(-errno)?.[0] ?? `errno ${errno}`;
}

export function endpointLive(inspected: EndpointInspection): EndpointLive {
  const state = STATES[inspected.state];
  const ejectedBy = RULES[inspected.ejectedBy];
  return {
    state,
    ...(state !== 'ejected' || ejectedBy === undefined ? {} : { ejectedBy }),
    inFlight: inspected.inFlight,
    idleConnections: inspected.idleConnections,
    ewmaMs: inspected.ewmaMs,
    ...(inspected.lastErrno === 0 ? {} : { lastError: errnoName(inspected.lastErrno) }),
    ...(state !== 'ready' ? { nextAttemptMs: inspected.nextAttemptMs } : {}),
  };
}
