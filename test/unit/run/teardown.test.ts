// Undoing in reverse, whatever fails on the way.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Teardown } from '../../../src/run/teardown.js';
import { RecordingLogger } from '../../support/recording-logger.js';

test('steps are undone in reverse order, also after one has failed', async () => {
  const logger = new RecordingLogger();
  const teardown = new Teardown(logger);
  const undone: string[] = [];
  teardown.add('first', () => undone.push('first'));
  teardown.add('bad', () => Promise.reject(new Error('stuck')));
  teardown.add('last', async () => {
    await Promise.resolve();
    undone.push('last');
  });
  await teardown.run();
  assert.deepEqual(undone, ['last', 'first']);
  assert.equal(logger.at('error')[0]?.fields['part'], 'bad');
});

test('a step undone out of order is not undone again', async () => {
  const teardown = new Teardown(new RecordingLogger());
  const undone: string[] = [];
  teardown.add('a', () => undone.push('a'));
  teardown.add('b', () => undone.push('b'));
  await teardown.undo('a');
  await teardown.undo('a');
  await teardown.undo('unknown');
  await teardown.run();
  await teardown.run();
  assert.deepEqual(undone, ['a', 'b']);
});

test('a component is stopped at the end, also when it could not start', async () => {
  const teardown = new Teardown(new RecordingLogger());
  const calls: string[] = [];
  const component = {
    name: 'it',
    start: () => Promise.reject(new Error('busy')),
    stop: () => Promise.resolve(void calls.push('stop')),
  };
  await assert.rejects(teardown.start(component), /busy/);
  await teardown.run();
  assert.deepEqual(calls, ['stop']);
});
