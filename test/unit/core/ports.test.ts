// Ports, ids and near misses: the small things of core.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { closest } from '../../../src/core/closest.js';
import { IdSequence } from '../../../src/core/ids.js';
import { containsPort, formatPortRange, parsePortRange, rangesOverlap } from '../../../src/core/ports.js';

test('port ranges are read, and reversed or open ones refused', () => {
  assert.deepEqual(parsePortRange('25'), { first: 25, last: 25 });
  assert.deepEqual(parsePortRange('5000-5010'), { first: 5000, last: 5010 });
  for (const text of ['5010-5000', '1-', '-1', '0', '0-5', '1-65536', '1-2-3', 'a']) {
    assert.equal(parsePortRange(text), undefined, text);
  }
});

test('both ends of a range belong to it', () => {
  const ranges = [{ first: 10, last: 20 }];
  assert.deepEqual(
    [9, 10, 20, 21].map((port) => containsPort(ranges, port)),
    [false, true, true, false],
  );
});

test('ranges that share one port overlap', () => {
  assert.ok(rangesOverlap({ first: 1, last: 5 }, { first: 5, last: 9 }));
  assert.ok(!rangesOverlap({ first: 1, last: 4 }, { first: 5, last: 9 }));
  assert.equal(formatPortRange({ first: 1, last: 4 }), '1-4');
  assert.equal(formatPortRange({ first: 7, last: 7 }), '7');
});

test('ids start at 1 and do not repeat', () => {
  const ids = new IdSequence();
  assert.deepEqual([ids.next(), ids.next(), ids.next()], [1, 2, 3]);
});

test('a near miss finds the word that was meant, a far one none', () => {
  const words = ['services', 'opaquePorts', 'skip', 'timeouts'];
  assert.equal(closest('service', words), 'services');
  assert.equal(closest('opaqueports', words), 'opaquePorts');
  assert.equal(closest('timeuots', words), 'timeouts');
  assert.equal(closest('gateway', words), undefined);
  assert.equal(closest('x', words), undefined);
});
