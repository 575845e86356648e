// Preparing and running commands without a cgroup and without a hosts file; with both, see
// test/privileged/launch.test.ts.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { prepareWorkload, type Workload, type WorkloadOptions } from '../../../src/launch/workload.js';
import { WorkloadStartError } from '../../../src/launch/errors.js';

function options(...command: [string, ...string[]]): WorkloadOptions {
  return { command, environment: { PATH: '/usr/bin:/bin' }, cgroupParent: undefined, hosts: [] };
}

async function prepared(...command: [string, ...string[]]): Promise<Workload> {
  const preparation = await prepareWorkload(options(...command));
  assert.ok(preparation.kind === 'ready');
  return preparation.workload;
}

test('the exit code of the command is answered', async () => {
  const workload = await prepared('sh', '-c', 'exit 7');
  assert.equal(workload.pid, undefined);
  assert.deepEqual(await workload.start(), { code: 7 });
  assert.equal(workload.pid, undefined);
  assert.equal(workload.kill('SIGTERM'), false);
  assert.deepEqual(await workload.cleanup(), []);
});

test('a signal reaches the command and is answered as its end', async () => {
  const workload = await prepared('sleep', '600');
  assert.equal(workload.kill('SIGTERM'), false);
  const ended = workload.start();
  assert.equal(typeof workload.pid, 'number');
  assert.equal(workload.kill('SIGTERM'), true);
  assert.deepEqual(await ended, { signal: 'SIGTERM' });
});

test('a command is started once', async () => {
  const workload = await prepared('true');
  const first = workload.start();
  assert.throws(() => workload.start(), WorkloadStartError);
  assert.deepEqual(await first, { code: 0 });
});

test('a command that cannot run is refused with the exit code of a shell', async () => {
  const missing = await prepareWorkload(options('no-such-command'));
  assert.deepEqual(missing, {
    kind: 'failed',
    exitCode: 127,
    message: 'no-such-command is not found in PATH',
  });
  const directory = await prepareWorkload(options('/etc'));
  assert.deepEqual(directory, { kind: 'failed', exitCode: 126, message: '/etc is a directory' });
});

test('a cgroup that cannot be made is refused, and named', async () => {
  const preparation = await prepareWorkload({ ...options('true'), cgroupParent: '/nowhere' });
  assert.ok(preparation.kind === 'failed');
  assert.equal(preparation.exitCode, 71);
  assert.match(preparation.message, /ENOENT.*\/nowhere/);
});
