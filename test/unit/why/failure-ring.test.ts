// The latest failures: order, folding, and what goes when there is no place.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FailureRing } from '../../../src/why/failure-ring.js';
import { aPicture, aRecord } from '../../support/failures.js';

/** Reason, count, first and last time of what is remembered. */
function shown(ring: FailureRing): readonly (readonly [string, number, number, number])[] {
  return ring.newestFirst().map(({ reason, count, firstMs, lastMs }) => [reason, count, firstMs, lastMs]);
}

test('the newest is first', () => {
  const ring = new FailureRing(10);
  ring.add(aRecord({ reason: 'a', lastMs: 1 }));
  ring.add(aRecord({ reason: 'b', lastMs: 2 }));
  assert.deepEqual(shown(ring), [
    ['b', 1, 2, 2],
    ['a', 1, 1, 1],
  ]);
});

test('a failure that happens again is counted, becomes the newest and shows its last request', () => {
  const ring = new FailureRing(10);
  const endpoints = aPicture();
  ring.add(aRecord({ reason: 'a', lastMs: 1, endpoints }));
  ring.add(aRecord({ reason: 'b', lastMs: 2 }));
  ring.add(aRecord({ reason: 'a', lastMs: 5, client: '127.0.0.1:9' }));
  ring.add(aRecord({ reason: 'a', lastMs: 4, client: '127.0.0.1:8' }));
  assert.deepEqual(shown(ring), [
    ['a', 3, 1, 5],
    ['b', 1, 2, 2],
  ]);
  assert.deepEqual(
    [ring.newestFirst()[0]?.client, ring.newestFirst()[0]?.endpoints],
    ['127.0.0.1:8', endpoints],
  );
  assert.equal(ring.forgotten, 0);
});

test('after a minute of silence it is a new one', () => {
  const ring = new FailureRing(10);
  ring.add(aRecord({ lastMs: 0 }));
  ring.add(aRecord({ lastMs: 60_000 }));
  ring.add(aRecord({ lastMs: 120_001 }));
  ring.add(aRecord({ lastMs: 120_002 }));
  assert.deepEqual(shown(ring), [
    ['connect_refused', 2, 120_001, 120_002],
    ['connect_refused', 2, 0, 60_000],
  ]);
});

test('the oldest go when there is no place, and every one of their failures is counted', () => {
  const ring = new FailureRing(2);
  for (const reason of ['a', 'a', 'b', 'c', 'd']) ring.add(aRecord({ reason }));
  assert.deepEqual(
    shown(ring).map(([reason]) => reason),
    ['d', 'c'],
  );
  assert.deepEqual([ring.size, ring.forgotten], [2, 3]);
  ring.add(aRecord({ reason: 'a' }));
  assert.deepEqual(shown(ring)[0], ['a', 1, 1000, 1000]);
});

test('what is folded keeps its place when older ones go', () => {
  const ring = new FailureRing(2);
  for (const reason of ['a', 'b', 'a', 'c', 'a']) ring.add(aRecord({ reason }));
  assert.deepEqual(
    shown(ring).map(([reason, count]) => [reason, count]),
    [
      ['a', 3],
      ['c', 1],
    ],
  );
});
