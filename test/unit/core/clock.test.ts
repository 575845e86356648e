// Time: the real clock in its few promises, and the manual one that all other tests stand on.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { systemClock } from '../../../src/core/clock.js';
import { ManualClock } from '../../support/manual-clock.js';

test('the system clock calls back after the delay, not before and not at once', async () => {
  const startMs = systemClock.now();
  let called = false;
  const done = new Promise<void>((resolve) => {
    systemClock.after(20, () => {
      called = true;
      resolve();
    });
  });
  assert.equal(called, false);
  await done;
  // Timers of the loop count whole milliseconds.
  assert.ok(systemClock.now() - startMs >= 19);
});

test('a cancelled timer of the system clock does not call back', async () => {
  let called = false;
  const cancel = systemClock.after(0, () => {
    called = true;
  });
  cancel();
  await new Promise<void>((resolve) => systemClock.after(5, resolve));
  assert.equal(called, false);
});

test('a delay longer than 32-bit timers count does not fire at once', async () => {
  let called = false;
  const cancel = systemClock.after(2 ** 40, () => {
    called = true;
  });
  await new Promise<void>((resolve) => systemClock.after(5, resolve));
  cancel();
  assert.equal(called, false);
});

test('the manual clock fires in order, including timers set by timers', () => {
  const clock = new ManualClock();
  const fired: string[] = [];
  clock.after(20, () => fired.push('late'));
  clock.after(10, () => {
    fired.push('early');
    clock.after(5, () => fired.push('between'));
  });
  clock.after(30, () => fired.push('never'))();
  clock.advance(50);
  assert.deepEqual(fired, ['early', 'between', 'late']);
  assert.equal(clock.waiting, 0);
});
