// What the data plane is told once, when it is created: figures of the mesh file, options of the
// command line, and limits that are not for users to choose, each with its reason.
import { constrainedMemory } from 'node:process';
import { totalmem } from 'node:os';

import { type MessageInitShape } from '@bufbuild/protobuf';

import { type PollerName } from '../config/environment.js';
import { type MeshConfig } from '../config/mesh-config.js';
import {
  type LogLevel,
  type MetricSettingsSchema,
  Poller,
  type SettingsSchema,
} from '../dataplane/gen/contract_pb.js';

/** One documented pair for heads and trailers of requests and responses. */
const MAX_HEAD_BYTES = 64 * 1024;
const MAX_FIELDS = 256;
/** Connections accepted in a row; the others of the worker wait so long at most. */
const ACCEPT_BATCH = 64;
/** Enough for the bandwidth-delay product of a data centre; a quarter of what reliability allows. */
const DIRECTION_BUDGET_BYTES = 256 * 1024;
/** Below this, a pipe costs more than the copy it saves. */
const SPLICE_THRESHOLD_BYTES = 64 * 1024;
const LARGEST_TOTAL_BUDGET_BYTES = 1024 * 1024 * 1024;
const MAX_SERIES_PER_WORKER = 10_000;

/** Upper bounds of histograms, in the units of their names. */
export interface MetricBounds {
  readonly latencyMs: readonly number[];
  readonly durationMs: readonly number[];
  readonly routeDurationMs: readonly number[];
  readonly backendDurationMs: readonly number[];
  readonly frameBytes: readonly number[];
  readonly detectDurationUs: readonly number[];
}

export interface DataPlaneWishes {
  readonly config: {
    readonly timeouts: Pick<
      MeshConfig['timeouts'],
      'keepaliveMs' | 'userTimeoutMs' | 'halfCloseMs' | 'discoveryMs' | 'requestHeadMs' | 'clientIdleMs'
    >;
    readonly http2Keepalive: MeshConfig['http2Keepalive'];
  };
  readonly workers: number;
  readonly poller: PollerName;
  readonly logLevel: LogLevel;
  readonly bounds: MetricBounds;
  /** Memory that this process may use. */
  readonly memoryBytes: number;
}

/** The memory of this host, or what the container allows of it. */
export function availableMemoryBytes(): number {
  const allowed = constrainedMemory();
  return allowed > 0 ? Math.min(allowed, totalmem()) : totalmem();
}

export function dataPlaneSettings(wishes: DataPlaneWishes): MessageInitShape<typeof SettingsSchema> {
  const { timeouts, http2Keepalive } = wishes.config;
  return {
    workers: wishes.workers,
    poller: wishes.poller === 'epoll' ? Poller.EPOLL : Poller.LIBUV,
    logLevel: wishes.logLevel,
    emitErrorHeaders: true,
    tcp: {
      keepaliveMs: timeouts.keepaliveMs,
      userTimeoutMs: timeouts.userTimeoutMs,
      halfCloseTimeoutMs: timeouts.halfCloseMs,
      discoveryTimeoutMs: timeouts.discoveryMs,
      acceptBatch: ACCEPT_BATCH,
    },
    http: {
      maxHeadBytes: MAX_HEAD_BYTES,
      maxFields: MAX_FIELDS,
      requestHeadTimeoutMs: timeouts.requestHeadMs,
      clientIdleTimeoutMs: timeouts.clientIdleMs,
      ...(http2Keepalive === undefined ? {} : { http2Keepalive: { ...http2Keepalive } }),
    },
    buffers: {
      directionBudgetBytes: DIRECTION_BUDGET_BYTES,
      spliceThresholdBytes: SPLICE_THRESHOLD_BYTES,
      totalBudgetBytes: BigInt(Math.min(LARGEST_TOTAL_BUDGET_BYTES, Math.floor(wishes.memoryBytes / 4))),
    },
    metrics: {
      ...metricBounds(wishes.bounds),
      maxSeriesPerWorker: MAX_SERIES_PER_WORKER,
    },
  };
}

export function metricBounds(
  bounds: MetricBounds,
): Omit<MessageInitShape<typeof MetricSettingsSchema>, '$typeName' | '$unknown' | 'maxSeriesPerWorker'> {
  return {
    latencyBoundsMs: [...bounds.latencyMs],
    durationBoundsMs: [...bounds.durationMs],
    routeDurationBoundsMs: [...bounds.routeDurationMs],
    backendDurationBoundsMs: [...bounds.backendDurationMs],
    frameBoundsBytes: [...bounds.frameBytes],
    detectDurationBoundsUs: [...bounds.detectDurationUs],
  };
}
