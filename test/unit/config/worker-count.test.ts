// How many workers follow from the CORES variables and the processors there are.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { workerCount } from '../../../src/config/worker-count.js';

for (const [about, min, max, maxRatio, processors, expected] of [
  ['one without any bound', undefined, undefined, undefined, 8, 1],
  ['the lower bound', 2, undefined, undefined, 8, 2],
  ['the upper bound, as that much is wanted', 1, 4, undefined, 8, 4],
  ['the upper bound rather than the ratio', undefined, 3, 1, 8, 3],
  ['the rounded part of the processors', undefined, undefined, 0.3, 8, 2],
  ['one where the part rounds to none', undefined, undefined, 0.1, 2, 1],
  ['the lower bound where it is above the upper', 4, 2, undefined, 8, 4],
  ['no more than there are processors', 16, 32, undefined, 8, 8],
  ['one where the number of processors is unknown', undefined, undefined, undefined, 0, 1],
] as const) {
  test(`workers: ${about}`, () => {
    assert.equal(workerCount({ min, max, maxRatio }, processors), expected);
  });
}
