// The table of families agrees with the contract and with naming conventions.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Family } from '../../../src/dataplane/gen/contract_pb.js';
import {
  describeFamily,
  DETECT_DURATION_BOUNDS_US,
  DURATION_BOUNDS_MS,
  FAMILY_ORDER,
  LATENCY_BOUNDS_MS,
} from '../../../src/metrics/families.js';

test('every family of the contract has a name of its own', () => {
  const numbers = Object.values(Family).filter((value) => typeof value === 'number');
  const counted = numbers.filter((family) => family !== Family.FAMILY_UNSPECIFIED);
  const names = counted.map((family) => describeFamily(family)?.name);
  assert.equal(new Set(names).size, counted.length);
  assert.ok(!names.includes(undefined));
});

test('names are those of linkerd or begin with sluice_, and counters end in _total', () => {
  for (const { name, type } of FAMILY_ORDER) {
    assert.match(name, /^(?:sluice_|request_|response_|tcp_)/);
    assert.equal(name.endsWith('_total'), type === 'counter', name);
  }
});

test('bounds of histograms ascend', () => {
  for (const bounds of [LATENCY_BOUNDS_MS, DURATION_BOUNDS_MS, DETECT_DURATION_BOUNDS_US]) {
    assert.deepEqual(
      bounds,
      [...bounds].sort((a, b) => a - b),
    );
    assert.equal(new Set(bounds).size, bounds.length);
  }
});

test('families are in the order of the contract', () => {
  assert.equal(FAMILY_ORDER[0]?.name, 'request_total');
  assert.equal(FAMILY_ORDER.at(-1)?.name, 'sluice_buffer_bytes');
});

test('a family from the future has no description', () => {
  const describe = describeFamily as (family: number) => unknown;
  assert.equal(describe(1000), undefined);
  assert.equal(describeFamily(Family.FAMILY_UNSPECIFIED), undefined);
});
