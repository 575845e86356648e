// Filters of routes as the API has them. What a kind of route has no words for is left out here, and told
// by left-out.ts: HTTP routes cannot answer with a gRPC code, gRPC routes know neither redirects, changes
// of response headers nor answers with an HTTP status.
import type { MessageInitShape } from '@bufbuild/protobuf';

import type { GrpcRoute_FilterSchema, HttpRoute_FilterSchema } from '../api/gen/outbound_pb.js';
import type { RequestRedirectSchema } from '../api/gen/http_route_pb.js';
import { Scheme_Registered } from '../api/gen/http_types_pb.js';
import type {
  FailFilterConfig,
  HeadersFilterConfig,
  HeaderValueConfig,
  RedirectFilterConfig,
  RouteFilterConfig,
} from '../config/route-config.js';

type HttpFilterInit = MessageInitShape<typeof HttpRoute_FilterSchema>;
type GrpcFilterInit = MessageInitShape<typeof GrpcRoute_FilterSchema>;

/** Whether routes of this kind can tell it. */
export function isTellable(filter: RouteFilterConfig, kind: 'http' | 'grpc'): boolean {
  switch (filter.kind) {
    case 'requestHeaders':
      return true;
    case 'responseHeaders':
    case 'redirect':
      return kind === 'http';
    case 'fail':
      return filter.answer.kind === kind;
    case 'invalid':
      return false;
  }
}

export function httpFilters(filters: readonly RouteFilterConfig[]): HttpFilterInit[] {
  return filters.filter((filter) => isTellable(filter, 'http')).flatMap((filter) => httpFilter(filter) ?? []);
}

export function grpcFilters(filters: readonly RouteFilterConfig[]): GrpcFilterInit[] {
  return filters.flatMap((filter): GrpcFilterInit[] => {
    if (filter.kind === 'requestHeaders') {
      return [{ kind: { case: 'requestHeaderModifier', value: headersMessage(filter) } }];
    }
    if (filter.kind !== 'fail' || filter.answer.kind !== 'grpc') return [];
    const value = { code: filter.answer.code, message: filter.message, ratio: ratioOf(filter) };
    return [{ kind: { case: 'failureInjector', value } }];
  });
}

function httpFilter(filter: RouteFilterConfig): HttpFilterInit | undefined {
  switch (filter.kind) {
    case 'requestHeaders':
      return { kind: { case: 'requestHeaderModifier', value: headersMessage(filter) } };
    case 'responseHeaders':
      return { kind: { case: 'responseHeaderModifier', value: headersMessage(filter) } };
    case 'redirect':
      return { kind: { case: 'redirect', value: redirectMessage(filter) } };
    case 'fail': {
      const status = filter.answer.kind === 'http' ? filter.answer.status : 0;
      const value = { status, message: filter.message, ratio: ratioOf(filter) };
      return { kind: { case: 'failureInjector', value } };
    }
    case 'invalid':
      // No mesh file has it.
      return undefined;
  }
}

function ratioOf({ numerator, denominator }: FailFilterConfig): { numerator: number; denominator: number } {
  return { numerator, denominator };
}

interface HeadersInit {
  headers: { name: string; value: Uint8Array }[];
}

/** Of requests and of responses alike. */
function headersMessage({ add, set, remove }: HeadersFilterConfig): {
  add: HeadersInit;
  set: HeadersInit;
  remove: string[];
} {
  return { add: headerValues(add), set: headerValues(set), remove: [...remove] };
}

function headerValues(values: readonly HeaderValueConfig[]): HeadersInit {
  const encoder = new TextEncoder();
  return { headers: values.map(({ name, value }) => ({ name, value: encoder.encode(value) })) };
}

function redirectMessage(filter: RedirectFilterConfig): MessageInitShape<typeof RequestRedirectSchema> {
  const { status, scheme, host, port, path } = filter;
  return {
    status,
    host: host ?? '',
    port: port ?? 0,
    ...(scheme === undefined ? {} : { scheme: { type: schemeType(scheme) } }),
    ...(path === undefined
      ? {}
      : { path: { replace: { case: path.kind === 'whole' ? 'full' : 'prefix', value: path.text } } }),
  };
}

function schemeType(
  scheme: string,
): { case: 'registered'; value: Scheme_Registered } | { case: 'unregistered'; value: string } {
  if (scheme === 'http') return { case: 'registered', value: Scheme_Registered.HTTP };
  if (scheme === 'https') return { case: 'registered', value: Scheme_Registered.HTTPS };
  return { case: 'unregistered', value: scheme };
}
