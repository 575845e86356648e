// What updates of Destination.Get make of the endpoints (reference, proxy behaviour §5, rules 8 to 10).
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { create, type MessageInitShape } from '@bufbuild/protobuf';

import { type Update, UpdateSchema, type WeightedAddrSchema } from '../../../src/api/gen/destination_pb.js';
import { fromHostPort } from '../../../src/api/net-values.js';
import type { EndpointSet } from '../../../src/control/control-plane.js';
import { EndpointUpdates } from '../../../src/control/endpoint-updates.js';

type Weighted = Exclude<MessageInitShape<typeof WeightedAddrSchema>, { $typeName: string }>;

function endpoint(ip: string, more: Weighted = {}): Weighted {
  return { addr: fromHostPort({ ip, port: 80 }), weight: 10_000, ...more };
}

function add(addrs: Weighted[], metricLabels: Record<string, string> = {}): Update {
  return create(UpdateSchema, { update: { case: 'add', value: { addrs, metricLabels } } });
}

function remove(...ips: readonly string[]): Update {
  const addrs = ips.map((ip) => fromHostPort({ ip, port: 80 }));
  return create(UpdateSchema, { update: { case: 'remove', value: { addrs } } });
}

function none(exists: boolean): Update {
  return create(UpdateSchema, { update: { case: 'noEndpoints', value: { exists } } });
}

function ips(endpoints: EndpointSet | undefined): string | undefined {
  return endpoints === undefined
    ? undefined
    : [...endpoints.values()].map(({ address }) => address.ip).join();
}

/** On a first stream. */
function updates(...messages: readonly Update[]): EndpointUpdates {
  const made = new EndpointUpdates();
  made.opened();
  for (const message of messages) made.message(message);
  return made;
}

test('additions and removals change the set bit by bit', () => {
  const made = updates();
  assert.equal(ips(made.message(add([endpoint('10.0.0.1')]))), '10.0.0.1');
  assert.equal(ips(made.message(add([endpoint('10.0.0.2')]))), '10.0.0.1,10.0.0.2');
  assert.equal(ips(made.message(remove('10.0.0.1', '10.0.0.9'))), '10.0.0.2');
});

test('a set that was told is not changed later', () => {
  const made = updates();
  const before = made.message(add([endpoint('10.0.0.1')]));
  made.message(add([endpoint('10.0.0.2')]));
  assert.equal(ips(before), '10.0.0.1');
});

test('the first addition of a new stream replaces the set', () => {
  const made = updates(add([endpoint('10.0.0.1'), endpoint('10.0.0.2')]));
  made.opened();
  assert.equal(ips(made.message(add([endpoint('10.0.0.2')]))), '10.0.0.2');
  assert.equal(ips(made.message(add([endpoint('10.0.0.3')]))), '10.0.0.2,10.0.0.3');
});

test('a removal before the first addition of a stream says nothing, and the addition still replaces', () => {
  const made = updates(add([endpoint('10.0.0.1'), endpoint('10.0.0.2')]));
  made.opened();
  assert.equal(made.message(remove('10.0.0.1')), undefined);
  assert.equal(ips(made.message(add([endpoint('10.0.0.1')]))), '10.0.0.1');
  assert.equal(updates().message(remove('10.0.0.1')), undefined);
});

test('empty additions and removals, and updates of later versions, say nothing', () => {
  const made = updates(add([endpoint('10.0.0.1')]));
  made.opened();
  for (const message of [add([]), add([{ weight: 1 }]), remove(), create(UpdateSchema)]) {
    assert.equal(made.message(message), undefined);
  }
  assert.equal(ips(made.message(add([endpoint('10.0.0.2')]))), '10.0.0.2');
  assert.equal(made.message(remove()), undefined);
});

test('no endpoints clears the set, whether the service exists or not', () => {
  for (const exists of [true, false]) {
    const made = updates(add([endpoint('10.0.0.1')]));
    assert.equal(made.message(none(exists))?.size, 0);
    assert.equal(made.message(none(exists)), undefined);
    assert.equal(updates().message(none(exists))?.size, 0);
  }
});

test('no endpoints counts as the beginning of a new stream', () => {
  const made = updates(add([endpoint('10.0.0.1')]));
  made.opened();
  made.message(none(true));
  made.message(add([endpoint('10.0.0.2')]));
  assert.equal(ips(made.message(add([endpoint('10.0.0.3')]))), '10.0.0.2,10.0.0.3');
});

test('an endpoint told again with nothing changed is no news; a change of what is known of it is', () => {
  const made = updates(add([endpoint('10.0.0.1', { metricLabels: { pod: 'a' } }), endpoint('10.0.0.2')]));
  assert.equal(made.message(add([endpoint('10.0.0.1', { metricLabels: { pod: 'a' } })])), undefined);
  const changed = made.message(add([endpoint('10.0.0.1', { metricLabels: { pod: 'b' } })]));
  assert.equal(changed?.get('10.0.0.1:80')?.labels['pod'], 'b');
  made.opened();
  assert.equal(
    made.message(add([endpoint('10.0.0.2'), endpoint('10.0.0.1', { metricLabels: { pod: 'b' } })])),
    undefined,
  );
});

test('labels of the set are those of its endpoints, whose own win', () => {
  const made = updates();
  const set = made.message(
    add([endpoint('10.0.0.1', { metricLabels: { pod: 'a' } })], { pod: 'set', namespace: 'emojivoto' }),
  );
  assert.deepEqual(set?.get('10.0.0.1:80')?.labels, { pod: 'a', namespace: 'emojivoto' });
});
