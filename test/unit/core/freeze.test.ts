// Values that nobody can change.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { deepFreeze } from '../../../src/core/freeze.js';

test('everything within is frozen, and the value stays the same', () => {
  const value = { list: [{ text: 'a' }], inner: { number: 1 }, nothing: null, absent: undefined };
  assert.equal(deepFreeze(value), value);
  for (const part of [value, value.list, value.list[0], value.inner]) assert.ok(Object.isFrozen(part));
});

test('what is not an object is returned as it is', () => {
  assert.equal(deepFreeze('a'), 'a');
  assert.equal(deepFreeze(null), null);
});
