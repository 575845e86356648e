// Options of `sluice run`: defaults, and every mistake at once.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseAdminAddress, parseRunOptions, type RawRunOptions } from '../../../src/cli/run-options.js';
import { type Environment } from '../../../src/config/environment.js';
import { type RunOptions } from '../../../src/run/run-options.js';

const ENVIRONMENT: Environment = {
  logLevel: 'warn',
  logFormat: 'json',
  workers: 2,
  poller: 'libuv',
  dnsServers: ['10.0.0.53'],
};

function parsed(raw: RawRunOptions): RunOptions {
  const result = parseRunOptions(raw, ['curl', '-v'], ENVIRONMENT);
  assert.ok(result.ok, result.ok ? '' : result.error.join('\n'));
  return result.value;
}

function errors(raw: RawRunOptions, command: readonly string[] = ['true']): readonly string[] {
  const result = parseRunOptions(raw, command, ENVIRONMENT);
  return result.ok ? [] : result.error;
}

test('what is not said comes from the environment', () => {
  assert.deepEqual(parsed({}), {
    command: ['curl', '-v'],
    configFile: undefined,
    inboundPorts: [],
    admin: undefined,
    requireEbpf: false,
    allowEbpf: true,
    redirectedPort: undefined,
    workers: 2,
    poller: 'libuv',
    logLevel: 'warn',
    logFormat: 'json',
    dnsServers: ['10.0.0.53'],
  });
});

test('what is said wins', () => {
  const options = parsed({
    config: 'mesh.yaml',
    inbound: ['8080', '81,82', '8080'],
    admin: '[::1]:9000',
    ebpf: false,
    redirectedPort: '4140',
    workers: '64',
    poller: 'EPOLL',
    logLevel: 'Debug',
    logFormat: 'plain',
  });
  assert.equal(options.configFile, 'mesh.yaml');
  assert.deepEqual(options.inboundPorts, [8080, 81, 82]);
  assert.deepEqual(options.admin, { ip: '::1', port: 9000 });
  assert.deepEqual([options.allowEbpf, options.redirectedPort, options.workers], [false, 4140, 64]);
  assert.deepEqual([options.poller, options.logLevel, options.logFormat], ['epoll', 'debug', 'plain']);
});

test('the admin server can be off, or a port of loopback', () => {
  assert.equal(parsed({ admin: 'off' }).admin, 'off');
  assert.deepEqual(parseAdminAddress('4191'), { ip: '127.0.0.1', port: 4191 });
  assert.equal(parseAdminAddress('localhost:4191'), undefined);
});

test('every mistake is reported at once', () => {
  const raw = {
    inbound: ['0', 'x'],
    admin: 'nowhere',
    workers: '65',
    poller: 'kqueue',
    redirectedPort: '99999',
  };
  assert.deepEqual(errors(raw, []), [
    '--inbound: "0" is not a port from 1 to 65535',
    '--inbound: "x" is not a port from 1 to 65535',
    '--admin: "nowhere" is not address:port, such as 127.0.0.1:4191, or off',
    '--redirected-port: "99999" is not a port from 1 to 65535',
    '--workers: "65" is not a whole number from 1 to 64',
    '--poller: "kqueue" is not one of epoll, libuv',
    'the command to run is missing: put it after --, as in `sluice run -- curl http://web/`',
  ]);
});

for (const option of [
  'config',
  'inbound',
  'admin',
  'redirectedPort',
  'workers',
  'poller',
  'logLevel',
  'logFormat',
] as const) {
  test(`${option} without a value is a mistake`, () => {
    const found = errors({ [option]: true });
    assert.equal(found.length, 1);
    assert.match(found[0] ?? '', /^--[a-z-]+ needs a value: /);
  });
}

test('requiring and excluding eBPF is a mistake', () => {
  assert.deepEqual(errors({ requireEbpf: true, ebpf: false }), [
    '--require-ebpf and --no-ebpf exclude each other',
  ]);
});
