// The routes of a service as routes of the API: one of them for each of the file, in its order, which
// decides between equals there too.
import type { MessageInitShape } from '@bufbuild/protobuf';

import { fromMilliseconds } from '../api/duration-values.js';
import type { TimeoutsSchema } from '../api/gen/http_route_pb.js';
import type {
  GrpcRoute_RetrySchema,
  GrpcRouteSchema,
  HttpRoute_RetrySchema,
  HttpRouteSchema,
  OpaqueRouteSchema,
  TlsRouteSchema,
} from '../api/gen/outbound_pb.js';
import type { RetryConfig, RouteConfig } from '../config/route-config.js';
import {
  backoffMessage,
  type DistributionInit,
  distributionMessage,
  ITSELF,
  type PolicyContext,
} from './answers-backends.js';
import { grpcFilters, httpFilters } from './answers-filters.js';
import { grpcMatch, hostMatch, httpMatch } from './answers-matches.js';
import { defaultMetadata, routeMetadata } from './answers-metadata.js';

type HttpRouteInit = MessageInitShape<typeof HttpRouteSchema>;
type TimeoutsInit = MessageInitShape<typeof TimeoutsSchema>;

/** Of opaque connections and of those with TLS alike. */
interface TcpRuleInit {
  backends: DistributionInit<never> | { kind: { case: 'empty'; value: Record<string, never> } };
  filters: { kind: { case: 'forbidden'; value: Record<string, never> } }[];
}

export function httpRoutes(context: PolicyContext): HttpRouteInit[] {
  const { routes } = context.parent.service;
  if (routes.length > 0) return routes.map((route) => httpRoute(context, route));
  const backends = distributionMessage(context, ITSELF, httpFilters);
  return [{ metadata: defaultMetadata('http'), rules: [{ backends }] }];
}

function httpRoute(context: PolicyContext, route: RouteConfig): HttpRouteInit {
  const retry = route.retry === undefined ? undefined : httpRetry(route.retry);
  return {
    metadata: routeMetadata(route.kind === 'grpc' ? 'GRPCRoute' : 'HTTPRoute', route.name),
    hosts: route.hosts.map(hostMatch),
    rules: [
      {
        matches: route.matches.map(httpMatch),
        filters: httpFilters(route.filters),
        backends: distributionMessage(context, route.distribution, httpFilters),
        ...timeoutsOf(route),
        ...(retry === undefined ? {} : { retry }),
        allowL5dRequestHeaders: route.allowRequestOverrides,
      },
    ],
  };
}

/** Every route of the service is one of gRPC. */
export function grpcRoutes(context: PolicyContext): MessageInitShape<typeof GrpcRouteSchema>[] {
  return context.parent.service.routes.map((route) => {
    const retry = route.retry === undefined ? undefined : grpcRetry(route.retry);
    return {
      metadata: routeMetadata('GRPCRoute', route.name),
      hosts: route.hosts.map(hostMatch),
      rules: [
        {
          matches: route.matches.map(grpcMatch),
          filters: grpcFilters(route.filters),
          backends: distributionMessage(context, route.distribution, grpcFilters),
          ...timeoutsOf(route),
          ...(retry === undefined ? {} : { retry }),
          allowL5dRequestHeaders: route.allowRequestOverrides,
        },
      ],
    };
  });
}

/** Connections that are not HTTP. */
export function opaqueRoute(context: PolicyContext): MessageInitShape<typeof OpaqueRouteSchema> {
  return { metadata: tcpMetadata(context), rules: [tcpRule(context)] };
}

/** Whatever name the client gives. */
export function tlsRoute(context: PolicyContext): MessageInitShape<typeof TlsRouteSchema> {
  return { metadata: tcpMetadata(context), rules: [tcpRule(context)] };
}

function tcpMetadata({ parent }: PolicyContext): ReturnType<typeof routeMetadata> {
  return parent.service.tcp === undefined ? defaultMetadata('opaq') : routeMetadata('TCPRoute', 'tcp');
}

function tcpRule(context: PolicyContext): TcpRuleInit {
  const { tcp } = context.parent.service;
  if (tcp?.forbid === true) {
    return {
      backends: { kind: { case: 'empty', value: {} } },
      filters: [{ kind: { case: 'forbidden', value: {} } }],
    };
  }
  return { backends: distributionMessage(context, tcp?.distribution ?? ITSELF, () => []), filters: [] };
}

function timeoutsOf({ timeouts }: RouteConfig): { timeouts?: TimeoutsInit } {
  const { requestMs, responseMs, idleMs } = timeouts;
  if (requestMs === 0 && responseMs === 0 && idleMs === 0) return {};
  return {
    timeouts: {
      ...(requestMs === 0 ? {} : { request: fromMilliseconds(requestMs) }),
      ...(responseMs === 0 ? {} : { response: fromMilliseconds(responseMs) }),
      ...(idleMs === 0 ? {} : { idle: fromMilliseconds(idleMs) }),
    },
  };
}

/** Undefined when there is nothing that HTTP routes can retry after. */
function httpRetry(retry: RetryConfig): MessageInitShape<typeof HttpRoute_RetrySchema> | undefined {
  if (retry.statuses.length === 0) return undefined;
  const statusRanges = retry.statuses.map(({ first, last }) => ({ start: first, end: last }));
  return { ...retryLimits(retry), conditions: { statusRanges } };
}

/** Undefined when there is nothing that gRPC routes can retry after. */
function grpcRetry(retry: RetryConfig): MessageInitShape<typeof GrpcRoute_RetrySchema> | undefined {
  const codes = new Set(retry.grpcCodes);
  if (codes.size === 0) return undefined;
  return {
    ...retryLimits(retry),
    // Numbers of fields are those of the codes (reference, wire API §3 GrpcRoute.Retry.Conditions).
    conditions: {
      cancelled: codes.has(1),
      deadineExceeded: codes.has(4),
      resourceExhausted: codes.has(8),
      internal: codes.has(13),
      unavailable: codes.has(14),
    },
  };
}

function retryLimits(
  retry: RetryConfig,
): Pick<
  MessageInitShape<typeof HttpRoute_RetrySchema> & object,
  'maxRetries' | 'maxRequestBytes' | 'timeout' | 'backoff'
> {
  return {
    maxRetries: retry.limit,
    maxRequestBytes: retry.maxBodyBytes,
    ...(retry.timeoutMs === 0 ? {} : { timeout: fromMilliseconds(retry.timeoutMs) }),
    ...(retry.backoff === undefined ? {} : { backoff: backoffMessage(retry.backoff) }),
  };
}
