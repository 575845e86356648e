// Messages of the API for tests, each valid as it stands; a test changes what it is about.
import { create, type DescMessage, type Message, type MessageInitShape } from '@bufbuild/protobuf';

import {
  type Backend,
  BackendSchema,
  GrpcRoute_RuleSchema,
  type GrpcRoute_Rule,
  HttpRoute_RuleSchema,
  type HttpRoute_Rule,
  OpaqueRouteSchema,
  type OpaqueRoute,
  type OutboundPolicy,
  OutboundPolicySchema,
  type ProxyProtocolSchema,
  TlsRouteSchema,
  type TlsRoute,
} from '../../src/api/gen/outbound_pb.js';
import type { MetadataSchema } from '../../src/api/gen/meta_pb.js';

/** A message as a plain object. */
export type Init<Schema extends DescMessage> = Exclude<MessageInitShape<Schema>, Message>;
type ProtocolInit = Init<typeof ProxyProtocolSchema>['kind'];

export const seconds = (count: number): { seconds: bigint } => ({ seconds: BigInt(count) });
export const milliseconds = (count: number): { nanos: number } => ({ nanos: count * 1_000_000 });

export function builtInMeta(name: string): Init<typeof MetadataSchema> {
  return { kind: { case: 'default', value: name } };
}

export function resourceMeta(kind: string, name: string, port = 0): Init<typeof MetadataSchema> {
  const group = kind === 'Service' ? 'core' : 'gateway.networking.k8s.io';
  return { kind: { case: 'resource', value: { group, kind, name, namespace: 'shop', port } } };
}

export function aBalancer(path: string, parts: Init<typeof BackendSchema> = {}): Backend {
  return create(BackendSchema, {
    metadata: resourceMeta('Service', path.split('.')[0] ?? '', 80),
    kind: {
      case: 'balancer',
      value: {
        discovery: { kind: { case: 'dst', value: { path } } },
        load: { case: 'peakEwma', value: { defaultRtt: milliseconds(30), decay: seconds(10) } },
      },
    },
    queue: { capacity: 100, failfastTimeout: seconds(3) },
    ...parts,
  });
}

export function aForward(port: number): Backend {
  return aBalancer('', {
    metadata: resourceMeta('Pod', `pod-${String(port)}`),
    kind: {
      case: 'forward',
      value: { addr: { ip: { ip: { case: 'ipv4', value: 0x0a00_0001 } }, port }, weight: 1 },
    },
  });
}

/** Every request to `web`. */
export function aHttpRule(parts: Init<typeof HttpRoute_RuleSchema> = {}): HttpRoute_Rule {
  return create(HttpRoute_RuleSchema, {
    backends: {
      kind: { case: 'firstAvailable', value: { backends: [{ backend: aBalancer('web.shop:80') }] } },
    },
    ...parts,
  });
}

export function aGrpcRule(parts: Init<typeof GrpcRoute_RuleSchema> = {}): GrpcRoute_Rule {
  return create(GrpcRoute_RuleSchema, {
    backends: {
      kind: { case: 'firstAvailable', value: { backends: [{ backend: aBalancer('web.shop:80') }] } },
    },
    ...parts,
  });
}

export function anOpaqueRoute(parts: Init<typeof OpaqueRouteSchema> = {}): OpaqueRoute {
  return create(OpaqueRouteSchema, {
    metadata: builtInMeta('opaq'),
    rules: [
      {
        backends: {
          kind: { case: 'firstAvailable', value: { backends: [{ backend: aBalancer('web.shop:80') }] } },
        },
      },
    ],
    ...parts,
  });
}

export function aTlsRoute(parts: Init<typeof TlsRouteSchema> = {}): TlsRoute {
  return create(TlsRouteSchema, {
    metadata: resourceMeta('TLSRoute', 'main'),
    rules: [
      {
        backends: {
          kind: { case: 'firstAvailable', value: { backends: [{ backend: aBalancer('web.shop:80') }] } },
        },
      },
    ],
    ...parts,
  });
}

export function aPolicy(kind: ProtocolInit): OutboundPolicy {
  return create(OutboundPolicySchema, {
    metadata: resourceMeta('Service', 'web', 80),
    ...(kind === undefined ? {} : { protocol: { kind } }),
  });
}

/** For HTTP/1, with one route of these rules. */
export function anHttpPolicy(...rules: readonly HttpRoute_Rule[]): OutboundPolicy {
  return aPolicy({
    case: 'http1',
    value: { routes: [{ metadata: resourceMeta('HTTPRoute', 'main'), rules: [...rules] }] },
  });
}

export function aGrpcPolicy(...rules: readonly GrpcRoute_Rule[]): OutboundPolicy {
  return aPolicy({
    case: 'grpc',
    value: { routes: [{ metadata: resourceMeta('GRPCRoute', 'main'), rules: [...rules] }] },
  });
}
