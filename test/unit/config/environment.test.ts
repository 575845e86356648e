// The variables of sluice.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { environmentVariables, readEnvironment } from '../../../src/config/environment.js';

test('without variables everything has a default', () => {
  const read = readEnvironment({});
  assert.ok(read.ok);
  assert.equal(read.value.logLevel, 'info');
  assert.equal(read.value.logFormat, 'plain');
  assert.ok(read.value.workers >= 1 && read.value.workers <= 4);
  assert.deepEqual(read.value.dnsServers, []);
});

test('what is set is used, in any case and with blanks around it', () => {
  const read = readEnvironment({
    SLUICE_LOG: ' Debug ',
    SLUICE_LOG_FORMAT: 'JSON',
    SLUICE_WORKERS: '64',
    SLUICE_POLLER: 'libuv',
    SLUICE_DNS_SERVERS: '10.0.0.1, 10.0.0.2:5353,::1,[::1]:5353',
  });
  assert.deepEqual(read, {
    ok: true,
    value: {
      logLevel: 'debug',
      logFormat: 'json',
      workers: 64,
      poller: 'libuv',
      dnsServers: ['10.0.0.1', '10.0.0.2:5353', '::1', '[::1]:5353'],
    },
  });
});

test('every mistake is told at once, with its variable', () => {
  const read = readEnvironment({
    SLUICE_LOG: 'loud',
    SLUICE_LOG_FORMAT: 'xml',
    SLUICE_WORKERS: '0',
    SLUICE_POLLER: 'kqueue',
    SLUICE_DNS_SERVERS: '10.0.0.1,ns.example',
  });
  assert.ok(!read.ok);
  assert.deepEqual(read.error.map(({ variable }) => variable).toSorted(), [
    'SLUICE_DNS_SERVERS',
    'SLUICE_LOG',
    'SLUICE_LOG_FORMAT',
    'SLUICE_POLLER',
    'SLUICE_WORKERS',
  ]);
});

test('an empty variable counts as absent', () => {
  assert.ok(readEnvironment({ SLUICE_LOG: '', SLUICE_WORKERS: ' ' }).ok);
});

test('the variables of the process are a copy', () => {
  const variables = environmentVariables() as Record<string, string | undefined>;
  variables['SLUICE_TEST_OF_COPY'] = '1';
  assert.equal(environmentVariables()['SLUICE_TEST_OF_COPY'], undefined);
});
