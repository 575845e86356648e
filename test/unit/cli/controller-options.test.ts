// The options of `sluice controller`: what they become, what is wrong with them.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Variables } from '../../../src/config/environment.js';
import { parseControllerOptions, type RawControllerOptions } from '../../../src/cli/controller-options.js';
import type { ControllerOptions } from '../../../src/controller/controller-options.js';

const ENVIRONMENT = { logLevel: 'warn', logFormat: 'json', dnsServers: ['192.0.2.1'] } as const;

function parsed(raw: RawControllerOptions, variables: Variables = {}, isRoot = true): ControllerOptions {
  const options = parseControllerOptions(raw, ENVIRONMENT, variables, isRoot);
  assert.ok(options.ok, options.ok ? '' : options.error.join('\n'));
  return options.value;
}

function errors(raw: RawControllerOptions, variables: Variables = {}, isRoot = true): readonly string[] {
  const options = parseControllerOptions(raw, ENVIRONMENT, variables, isRoot);
  assert.ok(!options.ok);
  return options.error;
}

test('what is left out comes from the environment, or is loopback', () => {
  assert.deepEqual(parsed({ config: 'mesh.yaml' }), {
    configFile: 'mesh.yaml',
    listen: { ip: '127.0.0.1', port: 8086 },
    authorityFolder: '/var/lib/sluice/ca',
    logLevel: 'warn',
    logFormat: 'json',
    dnsServers: ['192.0.2.1'],
  });
});

test('options win', () => {
  const raw = { config: 'm', listen: '[::1]:0', caDir: 'here', logLevel: 'DEBUG', logFormat: 'plain' };
  const options = parsed(raw);
  assert.deepEqual(options.listen, { ip: '::1', port: 0 });
  assert.equal(options.authorityFolder, 'here');
  assert.equal(options.logLevel, 'debug');
  assert.equal(options.logFormat, 'plain');
});

for (const [variables, folder] of [
  [{ XDG_STATE_HOME: '/state', HOME: '/home/me' }, '/state/sluice/ca'],
  [{ XDG_STATE_HOME: 'relative', HOME: '/home/me' }, '/home/me/.local/state/sluice/ca'],
  [{ HOME: '/home/me' }, '/home/me/.local/state/sluice/ca'],
] as const) {
  test(`who is not root keeps the authority in ${folder} with ${JSON.stringify(variables)}`, () => {
    assert.equal(parsed({ config: 'm' }, variables, false).authorityFolder, folder);
  });
}

test('every mistake is told at once', () => {
  assert.deepEqual(errors({ listen: '8086', logLevel: 'loud' }, {}, false), [
    '--config is missing: the mesh file says what is served',
    '--listen: "8086" is not address:port, such as 127.0.0.1:8086',
    '--ca-dir is missing, and neither XDG_STATE_HOME nor HOME says where to keep it',
    '--log-level: "loud" is not one of trace, debug, info, warn, error, off',
  ]);
});

test('an option without its value is told once', () => {
  assert.deepEqual(errors({ config: true }), ['--config needs a value: the path of a mesh file']);
  assert.deepEqual(errors({ config: 'm', caDir: true }, {}, false), [
    '--ca-dir needs a value: the path of a folder',
  ]);
});
