// What the data plane of a proxy is told when it is created: figures of the environment, and limits that
// are not for users to choose (run/data-plane-settings.ts).
import { type ProxyConfig } from '../config/proxy-config.js';
import { type LogLevel } from '../dataplane/gen/contract_pb.js';
import { METRIC_BOUNDS } from '../metrics/metric-bounds.js';
import { dataPlaneSettings } from '../run/data-plane-settings.js';
import { type DataPlaneSettings } from '../run/process-effects.js';

/** Waiting for a controller ends with the client's patience only (reference, proxy behaviour §4.1). */
const FOREVER_MS = 2 ** 31 - 1;
/** The reference has no limit for heads, idle clients and half-open connections; these bound what they cost. */
const REQUEST_HEAD_MS = 60_000;
const CLIENT_IDLE_MS = 60 * 60_000;
const HALF_CLOSE_MS = 60_000;

export interface ProxyDataPlaneWishes {
  readonly config: ProxyConfig;
  readonly workers: number;
  readonly logLevel: LogLevel;
  readonly memoryBytes: number;
}

export function proxyDataPlaneSettings(wishes: ProxyDataPlaneWishes): DataPlaneSettings {
  const { inbound, outbound, poller } = wishes.config;
  const keepalive = outbound.http2Server.keepalive ?? inbound.http2Server.keepalive;
  return {
    ...dataPlaneSettings({
      config: {
        timeouts: {
          keepaliveMs: outbound.connect.keepaliveMs ?? inbound.accept.keepaliveMs ?? 0,
          userTimeoutMs: outbound.connect.userTimeoutMs ?? inbound.accept.userTimeoutMs ?? 0,
          halfCloseMs: HALF_CLOSE_MS,
          discoveryMs: FOREVER_MS,
          requestHeadMs: REQUEST_HEAD_MS,
          clientIdleMs: CLIENT_IDLE_MS,
        },
        http2Keepalive: keepalive === undefined ? undefined : { ...keepalive, whileIdle: false },
      },
      workers: wishes.workers,
      poller,
      logLevel: wishes.logLevel,
      bounds: METRIC_BOUNDS,
      memoryBytes: wishes.memoryBytes,
    }),
    emitErrorHeaders: !outbound.disableInformationalHeaders,
    outboundMaxInFlight: Math.min(outbound.maxInFlight, 2 ** 32 - 1),
    inboundMaxInFlight: Math.min(inbound.maxInFlight, 2 ** 32 - 1),
  };
}
