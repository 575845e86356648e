// Durations: what people write, and nothing that only looks like it.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { formatDuration, parseDuration } from '../../../src/core/duration.js';

test('durations are whole numbers with units from large to small', () => {
  const cases: readonly (readonly [string, number | undefined])[] = [
    ['0', 0],
    ['0s', 0],
    ['250ms', 250],
    ['10s', 10_000],
    ['1m30s', 90_000],
    ['2h', 7_200_000],
    ['1d1ms', 86_400_001],
    ['', undefined],
    ['10', undefined],
    ['1.5s', undefined],
    ['10 s', undefined],
    ['30s1m', undefined],
    ['1s1s', undefined],
    ['-1s', undefined],
    ['1S', undefined],
    ['99999999999999999d', undefined],
  ];
  for (const [text, expected] of cases) assert.equal(parseDuration(text), expected, text);
});

test('a duration that is written and read again is the same', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 31 - 1), (milliseconds) => {
      assert.equal(parseDuration(formatDuration(milliseconds)), milliseconds);
    }),
  );
});
