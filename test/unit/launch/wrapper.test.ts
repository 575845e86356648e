// The words of the wrapper, and that a real shell passes command and environment through unchanged.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { wrapCommand } from '../../../src/launch/wrapper.js';

const TOOLS = { sh: '/bin/sh', env: '/usr/bin/env', mount: '/bin/mount', unshare: '/usr/bin/unshare' };

test('a command that needs nothing is not wrapped', () => {
  const wrapped = wrapCommand(TOOLS, { cgroupProcs: undefined, hostsFile: undefined }, ['/bin/ls', '-l'], {});
  assert.deepEqual(wrapped, ['/bin/ls', '-l']);
});

test('a mount namespace is made only for a hosts file', () => {
  const joining = wrapCommand(TOOLS, { cgroupProcs: '/cg/procs', hostsFile: undefined }, ['/bin/ls'], {});
  assert.equal(joining[0], TOOLS.sh);
  const mounting = wrapCommand(TOOLS, { cgroupProcs: undefined, hostsFile: '/tmp/h' }, ['/bin/ls'], {});
  assert.equal(mounting[0], TOOLS.unshare);
  assert.ok(mounting.includes('/tmp/h'));
});

test('words and variables reach the command as they are, and its process joins the cgroup', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-test-'));
  t.after(() => rm(directory, { recursive: true }));
  const procs = join(directory, 'cgroup.procs');
  await writeFile(procs, '');
  const words = ['a b', "it's", '$HOME', '`id`', '*', '', 'line\nbreak', '--', '-c'];
  const environment = {
    PATH: '/nowhere',
    'npm_config_a-b': 'x=1 y',
    'BASH_FUNC_f%%': '() { :; }',
    hosts: 'kept',
  };
  const script = 'console.log(JSON.stringify([process.argv.slice(1), process.env]))';
  const [program, ...rest] = wrapCommand(
    TOOLS,
    { cgroupProcs: procs, hostsFile: undefined },
    [process.execPath, '-e', script, '--', ...words],
    environment,
  );
  const output = execFileSync(program, rest, { env: environment, encoding: 'utf8' });
  const [seenWords, seenEnvironment] = JSON.parse(output) as [string[], Record<string, string>];
  assert.deepEqual(seenWords, words);
  for (const [name, value] of Object.entries(environment)) assert.equal(seenEnvironment[name], value, name);
  assert.equal(await readFile(procs, 'utf8'), '0\n');
});

test('when the cgroup cannot be joined the command does not run', () => {
  const [program, ...rest] = wrapCommand(
    TOOLS,
    { cgroupProcs: '/nowhere/cgroup.procs', hostsFile: undefined },
    ['/bin/echo', 'ran'],
    {},
  );
  assert.throws(
    () => execFileSync(program, rest, { encoding: 'utf8', stdio: 'pipe' }),
    (error: unknown) => {
      assert.ok(error instanceof Error && 'status' in error && 'stdout' in error);
      assert.equal(error.status, 71);
      assert.equal(error.stdout, '');
      return true;
    },
  );
});
