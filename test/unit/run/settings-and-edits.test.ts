// Settings of the data plane, and which edits of a mesh file wait for the next start.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defaultMeshConfig } from '../../../src/config/defaults.js';
import { type MeshConfig, type ServiceConfig } from '../../../src/config/mesh-config.js';
import { METRIC_BOUNDS } from '../../../src/metrics/metric-bounds.js';
import { LogLevel, Poller } from '../../../src/dataplane/gen/contract_pb.js';
import { dataPlaneSettings } from '../../../src/run/data-plane-settings.js';
import { changesForNextStart } from '../../../src/run/late-changes.js';
import { packageVersion } from '../../../src/run/version.js';
import { aService } from '../../support/mesh-configs.js';

const GIB = 1024 ** 3;

function settings(memoryBytes: number): ReturnType<typeof dataPlaneSettings> {
  return dataPlaneSettings({
    config: defaultMeshConfig,
    workers: 3,
    poller: 'libuv',
    logLevel: LogLevel.LOG_WARN,
    bounds: METRIC_BOUNDS,
    memoryBytes,
  });
}

test('figures of the mesh file and options reach the data plane', () => {
  const { workers, poller, logLevel, tcp, http, metrics } = settings(16 * GIB);
  assert.deepEqual([workers, poller, logLevel], [3, Poller.LIBUV, LogLevel.LOG_WARN]);
  assert.equal(tcp?.halfCloseTimeoutMs, defaultMeshConfig.timeouts.halfCloseMs);
  assert.equal(http?.clientIdleTimeoutMs, defaultMeshConfig.timeouts.clientIdleMs);
  assert.deepEqual(metrics?.latencyBoundsMs, METRIC_BOUNDS.latencyMs);
  assert.deepEqual(metrics.routeDurationBoundsMs, [50, 500, 1000, 10_000]);
  assert.deepEqual(metrics.backendDurationBoundsMs, [25, 50, 100, 250, 500, 1000, 10_000]);
  assert.deepEqual(metrics.frameBoundsBytes, [128, 1024, 10_240]);
  assert.deepEqual(metrics.detectDurationBoundsUs, [1000, 100_000]);
});

test('buffers may take a quarter of the memory, at most a gibibyte', () => {
  assert.equal(settings(16 * GIB).buffers?.totalBudgetBytes, BigInt(GIB));
  assert.equal(settings(GIB).buffers?.totalBudgetBytes, BigInt(GIB / 4));
});

const WEB = aService('web', { names: ['web', 'web.mesh'], addresses: ['10.77.0.10'] });

function withServices(...services: ServiceConfig[]): MeshConfig {
  return { ...defaultMeshConfig, services };
}

for (const [about, before, after, keys] of [
  ['nothing', withServices(WEB), withServices(WEB), []],
  [
    'endpoints, ports and the order of names',
    withServices(WEB),
    withServices({ ...WEB, names: ['web.mesh', 'web'], ports: [], labels: { a: 'b' } }),
    [],
  ],
  [
    'time-outs of targets',
    defaultMeshConfig,
    { ...defaultMeshConfig, timeouts: { ...defaultMeshConfig.timeouts, connectMs: 5 } },
    [],
  ],
  [
    'time-outs of the data plane',
    defaultMeshConfig,
    { ...defaultMeshConfig, timeouts: { ...defaultMeshConfig.timeouts, halfCloseMs: 5 } },
    ['timeouts.halfClose'],
  ],
  [
    'what is skipped',
    defaultMeshConfig,
    { ...defaultMeshConfig, skip: { ...defaultMeshConfig.skip, loopback: true } },
    ['skip'],
  ],
  [
    'PINGs towards clients',
    defaultMeshConfig,
    { ...defaultMeshConfig, http2Keepalive: { intervalMs: 1, timeoutMs: 1, whileIdle: true } },
    ['http2Keepalive'],
  ],
  [
    'where the admin server listens',
    defaultMeshConfig,
    { ...defaultMeshConfig, admin: { address: { ip: '127.0.0.1', port: 1 }, shutdown: true } },
    ['admin.address'],
  ],
  [
    'a name',
    withServices(WEB),
    withServices({ ...WEB, names: ['web'] }),
    ['services (names and addresses that the command resolves by itself)'],
  ],
] as const) {
  test(`an edit of ${about} waits for the next start: ${keys.join(', ') || 'no'}`, () => {
    assert.deepEqual(changesForNextStart(before, after), keys);
  });
}

test('the version is that of the package around this file', () => {
  assert.match(packageVersion(), /^\d+\.\d+\.\d+/);
  assert.equal(packageVersion('file:///'), '');
});
