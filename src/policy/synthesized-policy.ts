// Policies that no controller has sent: the one that refuses everything, and the ones that forward to one
// endpoint where there is no policy (reference, behaviour §4.1).
import { DEFAULT_BALANCER, DEFAULT_TIMEOUTS } from '../config/defaults.js';
import type { MeshEndpoint } from '../control/mesh-endpoint.js';
import { deepFreeze } from '../core/freeze.js';
import type { HostPort } from '../core/ip.js';
import type {
  ClientPolicy,
  ConnectionRoute,
  HttpPolicy,
  PolicyBackend,
  PolicyDistribution,
  PolicyRule,
} from './client-policy.js';
import type { Reading } from './reading.js';
import { builtIn, type ResourceInfo } from './resource-info.js';

const EVERYTHING: Omit<PolicyRule, 'filters' | 'distribution'> = {
  matches: [],
  timeouts: { requestMs: 0, responseMs: 0, idleMs: 0 },
  retry: undefined,
  allowRequestOverrides: false,
};

/** In place of a message with a mistake: requests are told why, connections fail. */
export function refusingClientPolicy({ mistake: reason = '', notes }: Reading): ClientPolicy {
  const meta = builtIn('invalid');
  const filters = [{ kind: 'invalid', message: reason } as const];
  const distribution = { kind: 'empty', backends: [] } as const;
  const policy = policyOf(
    meta,
    { meta, kind: 'http', hosts: [], rules: [{ ...EVERYTHING, filters, distribution }] },
    { meta, filters, distribution },
  );
  return deepFreeze({ ...policy, misconfiguration: reason, notes });
}

/** `name`: `endpoint` with a profile, `fallback` without. */
export function forwardingClientPolicy(name: 'endpoint' | 'fallback', endpoint: MeshEndpoint): ClientPolicy {
  const meta = builtIn(name);
  const backend: PolicyBackend = {
    meta,
    dispatcher: { kind: 'forward', endpoint },
    queue: { capacity: DEFAULT_BALANCER.queueCapacity, failFastMs: DEFAULT_TIMEOUTS.failFastMs },
  };
  const distribution: PolicyDistribution<never> = {
    kind: 'first',
    backends: [{ backend, weight: 1, filters: [] }],
  };
  return deepFreeze(
    policyOf(
      meta,
      { meta, kind: 'http', hosts: [], rules: [{ ...EVERYTHING, filters: [], distribution }] },
      { meta, filters: [], distribution },
    ),
  );
}

/** Somebody of whom nothing but the address is known. */
export function bareEndpoint(address: HostPort): MeshEndpoint {
  return {
    address,
    weight: 1,
    labels: {},
    identity: undefined,
    hint: 'none',
    opaqueTransportPort: undefined,
    authorityOverride: undefined,
    keepalive: undefined,
  };
}

function policyOf(
  meta: ResourceInfo,
  route: HttpPolicy['routes'][number],
  opaque: ConnectionRoute,
): ClientPolicy {
  const http: HttpPolicy = { routes: [route], failureAccrual: undefined };
  return {
    meta,
    protocol: { kind: 'detect', http1: http, http2: http, opaque },
    misconfiguration: undefined,
    notes: [],
  };
}
