// How the endpoints of a target are spoken to and judged, as the message of the border.
import type { MessageInitShape } from '@bufbuild/protobuf';

import type { ServiceConfig } from '../config/mesh-config.js';
import { EndpointProtocol, type PutTargetSchema } from '../dataplane/gen/contract_pb.js';

/** What is undefined is as it is for an address without a service. */
export type EndpointSettings = Partial<
  Pick<ServiceConfig, 'endpointProtocol' | 'circuitBreaker' | 'loadPenalty' | 'http2Keepalive'>
>;

const PROTOCOLS: Readonly<Record<ServiceConfig['endpointProtocol'], EndpointProtocol>> = {
  'as-client': EndpointProtocol.AS_CLIENT,
  http1: EndpointProtocol.ENDPOINT_HTTP1,
  http2: EndpointProtocol.ENDPOINT_HTTP2,
};

type SettingsInit = Pick<
  MessageInitShape<typeof PutTargetSchema>,
  'endpointProtocol' | 'failureAccrual' | 'loadPenalty' | 'http2Keepalive'
>;

export function endpointSettings(settings: EndpointSettings): SettingsInit {
  const { endpointProtocol = 'as-client', circuitBreaker, loadPenalty, http2Keepalive } = settings;
  return {
    endpointProtocol: PROTOCOLS[endpointProtocol],
    ...(circuitBreaker === undefined ? {} : { failureAccrual: failureAccrual(circuitBreaker) }),
    ...(loadPenalty === undefined ? {} : { loadPenalty: { ...loadPenalty } }),
    ...(http2Keepalive === undefined ? {} : { http2Keepalive: { ...http2Keepalive } }),
  };
}

function failureAccrual({
  consecutiveFailures,
  successRate,
  backoff,
  mayEjectLast,
}: NonNullable<ServiceConfig['circuitBreaker']>): SettingsInit['failureAccrual'] {
  return {
    maxConsecutiveFailures: consecutiveFailures,
    ...(successRate === undefined
      ? {}
      : {
          minSuccessRatio: successRate.min,
          windowMs: successRate.windowMs,
          minRequests: successRate.minRequests,
        }),
    backoffMinMs: backoff.minMs,
    backoffMaxMs: backoff.maxMs,
    backoffJitter: backoff.jitter,
    mayEjectLast,
  };
}
