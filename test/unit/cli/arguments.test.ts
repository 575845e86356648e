// Splitting the command line and naming what is left over.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { leftoverErrors, splitArguments } from '../../../src/cli/arguments.js';

test('what follows the first -- is the command, untouched', () => {
  assert.deepEqual(splitArguments(['run', '-c', 'f', '--', 'sh', '-c', 'x', '--', 'y']), {
    own: ['run', '-c', 'f'],
    command: ['sh', '-c', 'x', '--', 'y'],
  });
  assert.deepEqual(splitArguments(['doctor']), { own: ['doctor'], command: undefined });
});

test('every unknown option is named, with the nearest known one', () => {
  assert.deepEqual(leftoverErrors(['--confg=x', '--zzzzzzz', 'value', 'stray'], ['--config', '--admin']), [
    'unknown option --confg; did you mean --config?',
    'unknown option --zzzzzzz',
    'unexpected argument "stray"',
  ]);
});
