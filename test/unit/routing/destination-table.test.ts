// What of a destination is sent to the data plane, and when.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Reason } from '../../../src/dataplane/gen/contract_pb.js';
import { Commander } from '../../../src/routing/commander.js';
import { type DestinationSpec, DestinationTable } from '../../../src/routing/destination-table.js';
import { FakeDataPlane } from '../../support/fake-dataplane.js';
import { ManualClock } from '../../support/manual-clock.js';
import { at } from '../../support/mesh-configs.js';
import { RecordingLogger } from '../../support/recording-logger.js';

const SPEC: DestinationSpec = {
  direction: 'inbound',
  address: at('10.0.0.1:80'),
  protocol: 'detect',
  detectTimeoutMs: 10,
  targetId: 0,
  routeTableId: 0,
  authorities: [],
  discoverAuthorities: false,
  idleTimeoutMs: 0,
};

function aTable(): { readonly dataPlane: FakeDataPlane; readonly table: DestinationTable } {
  const dataPlane = new FakeDataPlane();
  const commander = new Commander({ dataPlane, clock: new ManualClock(), logger: new RecordingLogger() });
  return { dataPlane, table: new DestinationTable(commander) };
}

test('a refusal is sent with its reason and detail', () => {
  const { dataPlane, table } = aTable();
  const refusal = { reason: Reason.ADDRESS_NOT_ALLOWED, detail: 'not here' };
  const id = table.newId();
  table.put(id, { ...SPEC, refusal });
  const destination = dataPlane.destinations.get(id);
  assert.equal(destination?.refusal, Reason.ADDRESS_NOT_ALLOWED);
  assert.equal(destination.refusalDetail, 'not here');
});

test('a put that changes nothing is not sent', () => {
  const { dataPlane, table } = aTable();
  const id = table.newId();
  table.put(id, SPEC);
  table.put(id, { ...SPEC });
  assert.deepEqual(dataPlane.names(), ['putDestination']);
});

test('what was refused when it was asked for again is sent again, and removed in the end', () => {
  const { dataPlane, table } = aTable();
  const id = table.newId();
  table.put(id, SPEC);
  dataPlane.refuseNext('putDestination');
  assert.equal(table.putAgain(id), false);
  table.sync();
  assert.deepEqual(dataPlane.names(), ['putDestination', 'putDestination', 'putDestination']);
  dataPlane.refuseNext('putDestination');
  table.putAgain(id);
  table.remove(id);
  assert.equal(dataPlane.destinations.size, 0);
});
