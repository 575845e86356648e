// Names and order of log levels on both sides of the border.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { LOG_LEVELS } from '../../../src/config/environment.js';
import { LogLevel } from '../../../src/dataplane/gen/contract_pb.js';
import { dataPlaneLevel, isEnabled, lineLevel, parseLogLevel } from '../../../src/logs/log-level.js';

test('a level is read in any case, with spaces and line end around it', () => {
  assert.equal(parseLogLevel(' Debug\n'), 'debug');
  assert.equal(parseLogLevel('warning'), undefined);
  assert.equal(parseLogLevel(''), undefined);
});

test('a level lets itself and everything above it through', () => {
  assert.ok(isEnabled('warn', 'warn'));
  assert.ok(isEnabled('error', 'warn'));
  assert.ok(!isEnabled('info', 'warn'));
  assert.ok(!isEnabled('error', 'off'));
});

test('levels keep their order on the way to the data plane', () => {
  const levels = LOG_LEVELS.map(dataPlaneLevel);
  assert.deepEqual(levels, [...levels].sort());
  for (const level of LOG_LEVELS) {
    if (level !== 'off') assert.equal(lineLevel(dataPlaneLevel(level)), level);
  }
});

test('a line without a usable level counts as info', () => {
  assert.equal(lineLevel(LogLevel.LOG_OFF), 'info');
  const ofAnyNumber = lineLevel as (level: number) => string;
  assert.equal(ofAnyNumber(77), 'info');
});
