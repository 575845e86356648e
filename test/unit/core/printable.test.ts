// What peers wrote, made harmless for terminals.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { printable } from '../../../src/core/printable.js';

for (const [text, shown] of [
  ['GET /café?×', 'GET /café?×'],
  ['a\nb\u001b[2J', String.raw`a\nb\u001b[2J`],
  ['\u009b31m\u2028', '\ufffd31m\ufffd'],
  ['', ''],
] as const) {
  test(`${JSON.stringify(text)} is shown as ${shown}`, () => {
    assert.equal(printable(text), shown);
  });
}
