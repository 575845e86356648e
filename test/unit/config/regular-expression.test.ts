// Regular expressions are RE2's: what the data plane would refuse is refused here.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { regularExpressionError } from '../../../src/config/regular-expression.js';

for (const pattern of ['', 'a|b', '/orders/\\d+', '(?i)beta', '[[:alpha:]]+', '\\p{Greek}', 'a{1000}']) {
  test(`RE2 knows ${pattern}`, () => {
    assert.equal(regularExpressionError(pattern), undefined);
  });
}

for (const [pattern, reason] of [
  ['(', /missing closing \)/],
  ['(?=a)', /invalid or unsupported Perl syntax/],
  ['(a)\\1', /invalid escape sequence/],
  ['a{1001}', /invalid repeat count/],
  ['[z-a]', /invalid character class range/],
  ['a'.repeat(2049), /longer than 2048/],
] as const) {
  test(`RE2 does not know ${pattern.slice(0, 10)}`, () => {
    assert.match(regularExpressionError(pattern) ?? '', reason);
  });
}
