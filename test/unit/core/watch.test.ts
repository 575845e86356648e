// The latest-value cell: who is told what, and in which order.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Watch } from '../../../src/core/watch.js';

test('a late subscriber is told the present value at once', () => {
  const watch = new Watch(1);
  watch.set(2);
  const seen: number[] = [];
  watch.subscribe((value) => seen.push(value));
  assert.deepEqual(seen, [2]);
});

test('values set while subscribers are told arrive afterwards, for all, in order', () => {
  const watch = new Watch(0);
  const [one, other]: [number[], number[]] = [[], []];
  watch.subscribe((value) => {
    one.push(value);
    if (value === 1) watch.set(2);
  });
  watch.subscribe((value) => other.push(value));
  watch.set(1);
  assert.deepEqual(one, [0, 1, 2]);
  assert.deepEqual(other, [0, 1, 2]);
});

test('undefined is a value like any other', () => {
  const watch = new Watch<number | undefined>(1);
  const seen: (number | undefined)[] = [];
  watch.subscribe((value) => seen.push(value));
  watch.set(undefined);
  watch.set(3);
  assert.deepEqual(seen, [1, undefined, 3]);
});

test('who has unsubscribed is told nothing, even while others are being told', () => {
  const watch = new Watch(0);
  const seen: number[] = [];
  watch.subscribe((value) => {
    if (value === 1) unsubscribe();
  });
  const unsubscribe = watch.subscribe((value) => seen.push(value));
  watch.set(1);
  assert.deepEqual(seen, [0]);
});

test('one function can subscribe twice and leave once', () => {
  const watch = new Watch(0);
  let calls = 0;
  const listener = (): void => {
    calls += 1;
  };
  const leave = watch.subscribe(listener);
  watch.subscribe(listener);
  leave();
  watch.set(1);
  assert.equal(calls, 3);
});
