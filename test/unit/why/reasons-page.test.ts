// docs/why.md explains every reason of the contract, and no other.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { REASON_NAMES } from '../../../src/why/failure-filter.js';

const PAGE = readFileSync(new URL('../../../../docs/why.md', import.meta.url), 'utf8');

/** The cells of the rows of the table of reasons. */
function rows(): readonly (readonly string[])[] {
  const table = PAGE.slice(PAGE.indexOf('## Reasons'));
  return table
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').map((cell) => cell.trim()));
}

test('every reason has a row, in the order of the contract', () => {
  assert.deepEqual(
    rows().map(([, name]) => name),
    REASON_NAMES.map((name) => `\`${name}\``),
  );
});

test('every row says what happened and what to do', () => {
  for (const [, name, what, remedy] of rows()) {
    assert.ok((what ?? '').length > 10 && (remedy ?? '').length > 5, name);
  }
});
