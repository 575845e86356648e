// Growing waits.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Backoff } from '../../../src/core/backoff.js';

test('waits double from the minimum to the maximum and start over after a success', () => {
  const backoff = new Backoff({ minMs: 100, maxMs: 1000, jitter: 0.1 }, () => 0);
  const waits = Array.from({ length: 6 }, () => backoff.next());
  assert.deepEqual(waits, [100, 200, 400, 800, 1000, 1000]);
  backoff.reset();
  assert.equal(backoff.next(), 100);
});

test('the random extra is at most the jitter, and never above the maximum', () => {
  const backoff = new Backoff({ minMs: 100, maxMs: 210, jitter: 0.5 }, () => 0.999_999);
  const first = backoff.next();
  assert.ok(first > 149 && first <= 150);
  assert.equal(backoff.next(), 210);
});

test('it does not overflow after a night of failures', () => {
  const backoff = new Backoff({ minMs: 1, maxMs: 60_000, jitter: 0 }, () => 0);
  for (let attempt = 0; attempt < 5000; attempt += 1) backoff.next();
  assert.equal(backoff.next(), 60_000);
});
