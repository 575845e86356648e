// Where a route leads: backends with their balancers, and how one of them is chosen (reference, wire API
// §3 Backend, Distribution).
import type { MessageInitShape } from '@bufbuild/protobuf';

import { fromMilliseconds } from '../api/duration-values.js';
import type {
  Backend_BalanceP2cSchema,
  BackendSchema,
  FailureAccrualSchema,
} from '../api/gen/outbound_pb.js';
import type { CircuitBreakerConfig, LoadPenaltyConfig } from '../config/mesh-config.js';
import type { BackoffConfig, DistributionConfig, RouteFilterConfig } from '../config/route-config.js';
import { serviceMetadata } from './answers-metadata.js';
import type { MeshView, ServicePort } from './mesh-view.js';

type BackendInit = MessageInitShape<typeof BackendSchema>;
type BalancerInit = MessageInitShape<typeof Backend_BalanceP2cSchema>;
type LoadInit = NonNullable<BalancerInit['load']>;

/** Of which port the policy is, and the moment it is of. */
export interface PolicyContext {
  readonly view: MeshView;
  readonly parent: ServicePort;
}

export interface RouteBackendInit<Filter> {
  backend: BackendInit;
  filters: Filter[];
}

/** The same shape for every kind of route; only filters differ. */
export interface DistributionInit<Filter> {
  kind:
    | { case: 'firstAvailable'; value: { backends: RouteBackendInit<Filter>[] } }
    | {
        case: 'randomAvailable';
        value: { backends: { backend: RouteBackendInit<Filter>; weight: number }[] };
      };
}

/** To the service itself. */
export const ITSELF: DistributionConfig = { kind: 'random', backends: [] };

/** `filtersOf` leaves out what the kind of route has no words for. */
export function distributionMessage<Filter>(
  { view, parent }: PolicyContext,
  { kind, backends }: DistributionConfig,
  filtersOf: (filters: readonly RouteFilterConfig[]) => Filter[],
): DistributionInit<Filter> {
  const itself = { service: parent.service.name, port: parent.port, weight: 1, filters: [] };
  const all = backends.length > 0 ? backends : [itself];
  const weighted = all.map((backend) => ({
    backend: {
      backend: backendMessage(view, backend.service, view.portOfBackend(backend, parent.port)),
      filters: filtersOf(backend.filters),
    },
    weight: backend.weight,
  }));
  return kind === 'first'
    ? { kind: { case: 'firstAvailable', value: { backends: weighted.map(({ backend }) => backend) } } }
    : { kind: { case: 'randomAvailable', value: { backends: weighted } } };
}

function backendMessage(view: MeshView, name: string, port: number): BackendInit {
  const { balancer, timeouts } = view.config;
  return {
    metadata: serviceMetadata(name, port),
    queue: { capacity: balancer.queueCapacity, failfastTimeout: fromMilliseconds(timeouts.failFastMs) },
    kind: {
      case: 'balancer',
      value: {
        discovery: { kind: { case: 'dst', value: { path: `${name}:${String(port)}` } } },
        load: loadMessage(view, view.serviceNamed(name)?.loadPenalty),
      },
    },
  };
}

function loadMessage({ config }: MeshView, penalty: LoadPenaltyConfig | undefined): LoadInit {
  const defaultRtt = fromMilliseconds(config.balancer.defaultRttMs);
  const decay = fromMilliseconds(config.balancer.decayMs);
  if (penalty === undefined) return { case: 'peakEwma', value: { defaultRtt, decay } };
  return {
    case: 'penaltyPeakEwma',
    value: {
      defaultRtt,
      decay,
      penalty: fromMilliseconds(penalty.penaltyMs),
      maxRetryAfter: fromMilliseconds(penalty.maxRetryAfterMs),
    },
  };
}

export function failureAccrual(breaker: CircuitBreakerConfig): MessageInitShape<typeof FailureAccrualSchema> {
  const { consecutiveFailures, successRate, mayEjectLast } = breaker;
  const backoff = backoffMessage(breaker.backoff);
  const ejection = mayEjectLast ? {} : { ejection: { minReadyEndpoints: 1 } };
  if (successRate === undefined) {
    const value = { maxFailures: consecutiveFailures, backoff };
    return { ...ejection, kind: { case: 'consecutiveFailures', value } };
  }
  const value = {
    successRateThreshold: successRate.min,
    decay: fromMilliseconds(successRate.windowMs),
    minRequests: successRate.minRequests,
    maxConsecutiveFailures: consecutiveFailures,
    backoff,
  };
  return { ...ejection, kind: { case: 'unified', value } };
}

export function backoffMessage({ minMs, maxMs, jitter }: BackoffConfig): {
  minBackoff: ReturnType<typeof fromMilliseconds>;
  maxBackoff: ReturnType<typeof fromMilliseconds>;
  jitterRatio: number;
} {
  return { minBackoff: fromMilliseconds(minMs), maxBackoff: fromMilliseconds(maxMs), jitterRatio: jitter };
}
