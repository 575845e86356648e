// Messages of the API as a controller of Linkerd sends them, for tests of routers: what a test does not
// say is usual.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';

import { type DestinationProfile, DestinationProfileSchema } from '../../src/api/gen/destination_pb.js';
import { type Server, ServerSchema } from '../../src/api/gen/inbound_pb.js';
import type { MetadataSchema } from '../../src/api/gen/meta_pb.js';
import {
  type BackendSchema,
  type FailureAccrualSchema,
  type HttpRouteSchema,
  type OpaqueRouteSchema,
  type OutboundPolicy,
  OutboundPolicySchema,
} from '../../src/api/gen/outbound_pb.js';
import { fromHostPort, fromIpAddress } from '../../src/api/net-values.js';
import { at } from './mesh-configs.js';

type BackendInit = MessageInitShape<typeof BackendSchema>;
type MetadataInit = MessageInitShape<typeof MetadataSchema>;

export interface BackendParts {
  readonly weight?: number;
  /** In place of a balancer: one endpoint. */
  readonly forwardTo?: string;
  readonly penalty?: boolean;
}

export interface PolicyParts {
  readonly protocol?: 'detect' | 'opaque' | 'http1';
  /** Backends of the one HTTP route, by the names of their services. */
  readonly http?: Readonly<Record<string, BackendParts>>;
  /** Of the opaque route; left out: those of the HTTP route. */
  readonly opaque?: Readonly<Record<string, BackendParts>>;
  readonly accrual?: MessageInitShape<typeof FailureAccrualSchema>;
}

export const THREE_FAILURES: MessageInitShape<typeof FailureAccrualSchema> = {
  kind: {
    case: 'consecutiveFailures',
    value: {
      maxFailures: 3,
      backoff: { minBackoff: durationFromMs(1000), maxBackoff: durationFromMs(60_000), jitterRatio: 0.5 },
    },
  },
};

/** Where the endpoints of a service are asked for. */
export function pathOf(service: string): string {
  return `${service}.shop.svc.cluster.local:8080`;
}

export function aPolicy({
  protocol = 'detect',
  http = { web: {} },
  opaque = http,
  accrual,
}: PolicyParts = {}): OutboundPolicy {
  const httpPart = {
    routes: [httpRoute(http)],
    ...(accrual === undefined ? {} : { failureAccrual: accrual }),
  };
  const opaquePart = { routes: [opaqueRoute(opaque)] };
  const kinds = {
    detect: {
      case: 'detect',
      value: { timeout: durationFromMs(10_000), http1: httpPart, http2: httpPart, opaque: opaquePart },
    },
    opaque: { case: 'opaque', value: opaquePart },
    http1: { case: 'http1', value: httpPart },
  } as const;
  return create(OutboundPolicySchema, {
    metadata: resource('core', 'Service', 'web'),
    protocol: { kind: kinds[protocol] },
  });
}

/** Nothing that a policy must say. */
export function aBrokenPolicy(): OutboundPolicy {
  return create(OutboundPolicySchema, {});
}

export interface ProfileParts {
  readonly name?: string;
  /** Weights by `name:port`. */
  readonly overrides?: Readonly<Record<string, number>>;
  readonly retryable?: boolean;
  readonly opaque?: boolean;
  readonly endpoint?: string;
}

export function aProfile({
  name = '',
  overrides = {},
  retryable,
  opaque = false,
  endpoint,
}: ProfileParts = {}): DestinationProfile {
  return create(DestinationProfileSchema, {
    fullyQualifiedName: name,
    opaqueProtocol: opaque,
    dstOverrides: Object.entries(overrides).map(([authority, weight]) => ({ authority, weight })),
    ...(endpoint === undefined ? {} : { endpoint: { addr: fromHostPort(at(endpoint)), weight: 10_000 } }),
    ...(retryable === undefined
      ? {}
      : {
          routes: [
            {
              condition: { match: { case: 'path', value: { regex: '/books/.*' } } },
              isRetryable: retryable,
              metricsLabels: { route: 'books' },
            },
          ],
          retryBudget: { retryRatio: 0.2, minRetriesPerSecond: 10, ttl: durationFromMs(10_000) },
        }),
  });
}

/** Allows everybody of a network; with `detect` a hundred requests a second. */
export function aServer(
  name: string,
  kind: 'detect' | 'opaque' | 'http1' | 'http2' | 'tls' = 'detect',
  network = '10.0.0.0',
): Server {
  const limit = {
    metadata: resource('policy.linkerd.io', 'httplocalratelimitpolicy', `${name}-limit`),
    total: { requestsPerSecond: 100 },
  };
  const kinds = {
    detect: { case: 'detect', value: { timeout: durationFromMs(4000), httpLocalRateLimit: limit } },
    opaque: { case: 'opaque', value: {} },
    http1: { case: 'http1', value: {} },
    http2: { case: 'http2', value: {} },
    tls: { case: 'tls', value: {} },
  } as const;
  return create(ServerSchema, {
    protocol: { kind: kinds[kind] },
    labels: { group: 'policy.linkerd.io', kind: 'server', name },
    authorizations: [
      {
        networks: [{ net: { ip: fromIpAddress(network), prefixLen: 8 } }],
        authentication: { permit: { case: 'unauthenticated', value: {} } },
        labels: { group: 'policy.linkerd.io', kind: 'serverauthorization', name: `${name}-clients` },
      },
    ],
  });
}

function httpRoute(
  backends: Readonly<Record<string, BackendParts>>,
): MessageInitShape<typeof HttpRouteSchema> {
  return {
    metadata: resource('gateway.networking.k8s.io', 'HTTPRoute', 'all'),
    rules: [{ backends: { kind: { case: 'randomAvailable', value: { backends: weighted(backends) } } } }],
  };
}

function opaqueRoute(
  backends: Readonly<Record<string, BackendParts>>,
): MessageInitShape<typeof OpaqueRouteSchema> {
  return {
    metadata: resource('policy.linkerd.io', 'TCPRoute', 'all'),
    rules: [{ backends: { kind: { case: 'randomAvailable', value: { backends: weighted(backends) } } } }],
  };
}

function weighted(
  backends: Readonly<Record<string, BackendParts>>,
): { readonly weight: number; readonly backend: { readonly backend: BackendInit } }[] {
  return Object.entries(backends).map(([service, parts]) => ({
    weight: parts.weight ?? 1,
    backend: { backend: aBackend(service, parts) },
  }));
}

function aBackend(service: string, { forwardTo, penalty = false }: BackendParts): BackendInit {
  const common = {
    metadata: resource('core', 'Service', service),
    queue: { capacity: 100, failfastTimeout: durationFromMs(3000) },
  };
  if (forwardTo !== undefined) {
    return {
      ...common,
      kind: { case: 'forward', value: { addr: fromHostPort(at(forwardTo)), weight: 10_000 } },
    };
  }
  const load = { defaultRtt: durationFromMs(40), decay: durationFromMs(20_000) };
  return {
    ...common,
    kind: {
      case: 'balancer',
      value: {
        discovery: { kind: { case: 'dst', value: { path: pathOf(service) } } },
        load: penalty
          ? {
              case: 'penaltyPeakEwma',
              value: { ...load, penalty: durationFromMs(5000), maxRetryAfter: durationFromMs(300_000) },
            }
          : { case: 'peakEwma', value: load },
      },
    },
  };
}

function resource(group: string, kind: string, name: string): MetadataInit {
  return { kind: { case: 'resource', value: { group, kind, name, namespace: 'shop', port: 8080 } } };
}
