// What of a target and its endpoints is sent to the data plane, and when.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defaultMeshConfig } from '../../../src/config/defaults.js';
import { Commander } from '../../../src/routing/commander.js';
import { reachOfMesh, type TargetSpec } from '../../../src/routing/target-spec.js';
import { TargetTable } from '../../../src/routing/target-table.js';
import { FakeDataPlane } from '../../support/fake-dataplane.js';
import { ManualClock } from '../../support/manual-clock.js';
import { anEndpoint } from '../../support/mesh-configs.js';
import { RecordingLogger } from '../../support/recording-logger.js';

const REACH = reachOfMesh(defaultMeshConfig);
const SPEC: TargetSpec = { authority: 'web', labels: {}, kind: 'balance' };

function aTable(): { readonly dataPlane: FakeDataPlane; readonly table: TargetTable } {
  const dataPlane = new FakeDataPlane();
  const clock = new ManualClock();
  const commander = new Commander({ dataPlane, clock, logger: new RecordingLogger() });
  return { dataPlane, table: new TargetTable(commander, REACH, () => clock.now()) };
}

test('a target is reached as the table says', () => {
  const { dataPlane, table } = aTable();
  const id = table.create(SPEC, []);
  table.configure({ ...REACH, connectTimeoutMs: 123, refuseLoopback: true });
  const settings = dataPlane.targets.get(id)?.settings;
  assert.equal(settings?.connectTimeoutMs, 123);
  assert.equal(settings.refuseLoopback, true);
});

test('a target that says for itself how it is reached is not concerned by what the table says', () => {
  const { dataPlane, table } = aTable();
  const own = { ...REACH, connectTimeoutMs: 5, queueCapacity: 6, backoffMaxMs: 7000, poolIdleTimeoutMs: 8 };
  const id = table.create({ ...SPEC, reach: own }, []);
  dataPlane.commands.length = 0;
  table.configure({ ...REACH, connectTimeoutMs: 123 });
  assert.deepEqual(dataPlane.names(), []);
  const settings = dataPlane.targets.get(id)?.settings;
  assert.equal(settings?.connectTimeoutMs, 5);
  assert.equal(settings.queueCapacity, 6);
  assert.equal(settings.backoffMaxMs, 7000);
  assert.equal(settings.poolIdleTimeoutMs, 8);
});

test('an endpoint carries how it is spoken to', () => {
  const { dataPlane, table } = aTable();
  const traits = {
    takesOrigProto: true,
    authorityOverride: 'web.other:80',
    http2Keepalive: { intervalMs: 1000, timeoutMs: 100, whileIdle: false },
  } as const;
  const id = table.create(SPEC, [{ ...anEndpoint('10.0.0.1:80'), ...traits }]);
  const { takesOrigProto, authorityOverride, http2Keepalive } =
    dataPlane.targets.get(id)?.endpoints.get('10.0.0.1:80') ?? {};
  assert.equal(takesOrigProto, true);
  assert.equal(authorityOverride, 'web.other:80');
  assert.equal(http2Keepalive?.intervalMs, 1000);
});

test('an endpoint that is spoken to otherwise is sent again', () => {
  const { dataPlane, table } = aTable();
  const id = table.create(SPEC, [anEndpoint('10.0.0.1:80'), anEndpoint('10.0.0.2:80')]);
  dataPlane.commands.length = 0;
  table.setEndpoints(id, [{ ...anEndpoint('10.0.0.1:80'), takesOrigProto: true }, anEndpoint('10.0.0.2:80')]);
  assert.deepEqual(dataPlane.names(), ['updateEndpoints']);
  const [update] = dataPlane.commands;
  assert.equal((update?.value as { add: unknown[] }).add.length, 1);
});

test('equal endpoints are not sent again', () => {
  const { dataPlane, table } = aTable();
  const id = table.create(SPEC, [anEndpoint('10.0.0.1:80', { labels: { zone: 'a' } })]);
  dataPlane.commands.length = 0;
  table.setEndpoints(id, [anEndpoint('10.0.0.1:80', { labels: { zone: 'a' } })]);
  assert.deepEqual(dataPlane.names(), []);
});
