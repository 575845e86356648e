// Where routes lead, from messages of the API (reference, behaviour §4.7, §4.12, wire API §3 Backend).
import type { Backend, Backend_BalanceP2c } from '../api/gen/outbound_pb.js';
import { DEFAULT_BALANCER, DEFAULT_LOAD_PENALTY } from '../config/defaults.js';
import { meshEndpoint } from '../control/mesh-endpoint.js';
import type {
  BackendDispatcher,
  BalanceDispatcher,
  PolicyBackend,
  PolicyDistribution,
  WeightedBackend,
} from './client-policy.js';
import { readMetadata } from './read-metadata.js';
import type { Reading } from './reading.js';
import type { ResourceInfo } from './resource-info.js';

interface RouteBackendMessage<Filter> {
  readonly backend?: Backend | undefined;
  readonly filters: readonly Filter[];
}

/** Of routes of every kind. */
export interface DistributionMessage<Filter> {
  readonly kind:
    | { readonly case: 'empty' }
    | {
        readonly case: 'firstAvailable';
        readonly value: { readonly backends: readonly RouteBackendMessage<Filter>[] };
      }
    | {
        readonly case: 'randomAvailable';
        readonly value: {
          readonly backends: readonly {
            readonly backend?: RouteBackendMessage<Filter> | undefined;
            readonly weight: number;
          }[];
        };
      }
    | { readonly case: undefined };
}

type ReadFilters<Message, Filter> = (
  reading: Reading,
  path: string,
  messages: readonly Message[],
) => readonly Filter[];

export function readDistribution<Message, Filter>(
  reading: Reading,
  path: string,
  message: DistributionMessage<Message> | undefined,
  readFilters: ReadFilters<Message, Filter>,
): PolicyDistribution<Filter> {
  const kind = message?.kind;
  switch (kind?.case) {
    case 'empty':
      return { kind: 'empty', backends: [] };
    case 'firstAvailable': {
      const at = `${path}.first_available.backends`;
      const { backends } = kind.value;
      if (backends.length === 0) reading.fail(at, 'is empty');
      return {
        kind: 'first',
        backends: backends.map((backend, index) =>
          readRouteBackend(reading, `${at}[${String(index)}]`, backend, 1, readFilters),
        ),
      };
    }
    case 'randomAvailable': {
      const at = `${path}.random_available.backends`;
      const { backends } = kind.value;
      if (backends.length === 0) reading.fail(at, 'is empty');
      return {
        // A single one is taken whatever its weight.
        kind: backends.length < 2 ? 'first' : 'random',
        backends: backends.map(({ backend, weight }, index) =>
          readRouteBackend(reading, `${at}[${String(index)}].backend`, backend, weight, readFilters),
        ),
      };
    }
    case undefined:
      reading.fail(path, 'is missing');
      return { kind: 'empty', backends: [] };
  }
}

function readRouteBackend<Message, Filter>(
  reading: Reading,
  path: string,
  message: RouteBackendMessage<Message> | undefined,
  weight: number,
  readFilters: ReadFilters<Message, Filter>,
): WeightedBackend<Filter> {
  return {
    backend: readBackend(reading, `${path}.backend`, message?.backend),
    weight,
    filters: readFilters(reading, `${path}.filters`, message?.filters ?? []),
  };
}

function readBackend(reading: Reading, path: string, message: Backend | undefined): PolicyBackend {
  if (message === undefined) reading.fail(path, 'is missing');
  const meta = readMetadata(reading, `${path}.metadata`, message?.metadata);
  const queue = message?.queue;
  if (queue === undefined) reading.fail(`${path}.queue`, 'is missing');
  return {
    meta,
    dispatcher: readDispatcher(reading, path, message, meta),
    queue: {
      capacity: queue?.capacity ?? 0,
      failFastMs: reading.requiredDuration(`${path}.queue.failfast_timeout`, queue?.failfastTimeout),
    },
  };
}

function readDispatcher(
  reading: Reading,
  path: string,
  message: Backend | undefined,
  meta: ResourceInfo,
): BackendDispatcher {
  const kind = message?.kind;
  switch (kind?.case) {
    case 'forward': {
      const endpoint = meshEndpoint(kind.value);
      if (endpoint !== undefined) return { kind: 'forward', endpoint };
      reading.fail(`${path}.forward.addr`, 'is no address');
      break;
    }
    case 'balancer':
      return readBalancer(reading, `${path}.balancer`, kind.value);
    case undefined:
      break;
  }
  const name = meta.namespace === '' ? meta.name : `${meta.namespace}/${meta.name}`;
  return { kind: 'fail', message: `backend for ${meta.kind} ${name} has no dispatcher` };
}

function readBalancer(reading: Reading, path: string, message: Backend_BalanceP2c): BalanceDispatcher {
  const discovery = message.discovery?.kind;
  if (discovery?.case !== 'dst') reading.fail(`${path}.discovery`, 'is missing');
  const { load } = message;
  if (load.case === undefined) reading.fail(`${path}.load`, 'is missing');
  const at = `${path}.${load.case === 'peakEwma' ? 'peak_ewma' : 'penalty_peak_ewma'}`;
  if (load.case === 'peakEwma') {
    if (load.value.defaultRtt === undefined) reading.fail(`${at}.default_rtt`, 'is missing');
    if (load.value.decay === undefined) reading.fail(`${at}.decay`, 'is missing');
  }
  const { defaultRtt, decay } = load.value ?? {};
  return {
    kind: 'balance',
    path: discovery?.value?.path ?? '',
    defaultRttMs: atLeastOne(
      reading.duration(`${at}.default_rtt`, defaultRtt) ?? DEFAULT_BALANCER.defaultRttMs,
    ),
    decayMs: atLeastOne(reading.duration(`${at}.decay`, decay) ?? DEFAULT_BALANCER.decayMs),
    penalty: readPenalty(reading, at, load),
  };
}

function readPenalty(
  reading: Reading,
  path: string,
  load: Backend_BalanceP2c['load'],
): BalanceDispatcher['penalty'] {
  if (load.case !== 'penaltyPeakEwma') return undefined;
  const { penalty, maxRetryAfter, penaltyDecay } = load.value;
  // Nobody acts on it; it must be a duration all the same.
  reading.duration(`${path}.penalty_decay`, penaltyDecay);
  return {
    penaltyMs: reading.duration(`${path}.penalty`, penalty) ?? DEFAULT_LOAD_PENALTY.penaltyMs,
    maxRetryAfterMs:
      reading.duration(`${path}.max_retry_after`, maxRetryAfter) ?? DEFAULT_LOAD_PENALTY.maxRetryAfterMs,
  };
}

/** The data plane measures in milliseconds, and no estimate is 0. */
function atLeastOne(milliseconds: number): number {
  return Math.max(1, milliseconds);
}
