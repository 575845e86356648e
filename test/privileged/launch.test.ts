// The wrapped command with a real cgroup and a real mount namespace. Needs root and cgroup v2; says so
// and skips otherwise.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { systemClock } from '../../src/core/clock.js';
import { probeCapabilities } from '../../src/ebpf/capability-probe.js';
import { destroyCgroup } from '../../src/launch/cgroup.js';
import { type HostsEntry, prepareWorkload, systemEffects, type Workload } from '../../src/launch/workload.js';

interface Place {
  /** A cgroup of the test, removed after it. */
  readonly parent: string;
  /** A directory for the command's output. */
  readonly directory: string;
}

async function makePlace(t: TestContext): Promise<Place | undefined> {
  const facts = await probeCapabilities();
  const writable = facts.cgroup?.writableParent;
  if (process.getuid?.() !== 0 || writable === undefined) {
    t.skip(`needs root and a writable cgroup v2: ${facts.cgroup?.refusal ?? 'not there'}`);
    return undefined;
  }
  const parent = join(writable, `sluice-launch-test-${String(process.pid)}-${String(Date.now())}`);
  await mkdir(parent);
  const directory = await mkdtemp(join(tmpdir(), 'sluice-test-'));
  t.after(async () => {
    assert.equal(await destroyCgroup(parent, systemClock), undefined);
    await rm(directory, { recursive: true });
  });
  return { parent, directory };
}

/** Runs a shell script as the command; output goes to files, since stdio is this process's. */
async function prepared(place: Place, script: string, hosts: readonly HostsEntry[] = []): Promise<Workload> {
  const preparation = await prepareWorkload({
    command: ['sh', '-c', script],
    environment: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', OUT: place.directory },
    cgroupParent: place.parent,
    hosts,
  });
  assert.ok(preparation.kind === 'ready', preparation.kind === 'failed' ? preparation.message : '');
  return preparation.workload;
}

async function output(place: Place, name: string): Promise<string> {
  return readFile(join(place.directory, name), 'utf8');
}

test('the command and its children run in the fresh cgroup, and it is removed', async (t) => {
  const place = await makePlace(t);
  if (place === undefined) return;
  const workload = await prepared(place, 'cat /proc/self/cgroup > $OUT/cgroup; exit 3');
  const { cgroupPath } = workload;
  assert.ok(cgroupPath !== undefined);
  assert.ok(cgroupPath.startsWith(`${place.parent}/sluice-${String(process.pid)}-`));
  assert.deepEqual(await workload.start(), { code: 3 });
  const cgroup = (await output(place, 'cgroup')).split('\n').find((line) => line.startsWith('0::'));
  assert.ok(cgroup?.endsWith(basename(cgroupPath)), cgroup);
  assert.deepEqual(await workload.cleanup(), []);
  await assert.rejects(readdir(cgroupPath), { code: 'ENOENT' });
});

test('names of the mesh resolve in the command and nowhere else', async (t) => {
  const place = await makePlace(t);
  if (place === undefined) return;
  const before = await readFile('/etc/hosts', 'utf8');
  const workload = await prepared(
    place,
    'getent ahostsv4 web.sluice-test > $OUT/names; cat /etc/hosts > $OUT/hosts',
    [{ ip: '10.77.0.10', names: ['web.sluice-test'] }],
  );
  assert.deepEqual(workload.notices, []);
  assert.deepEqual(await workload.start(), { code: 0 });
  assert.match(await output(place, 'names'), /^10\.77\.0\.10\s/);
  assert.ok((await output(place, 'hosts')).endsWith(before));
  assert.equal(await readFile('/etc/hosts', 'utf8'), before);
  assert.deepEqual(await workload.cleanup(), []);
});

test('where no hosts file can be laid the command runs without, and it is said', async (t) => {
  const place = await makePlace(t);
  if (place === undefined) return;
  const preparation = await prepareWorkload(
    {
      command: ['true'],
      environment: { PATH: '/usr/bin:/bin' },
      cgroupParent: place.parent,
      hosts: [{ ip: '10.77.0.10', names: ['web.sluice-test'] }],
    },
    { ...systemEffects, platform: 'darwin' },
  );
  assert.ok(preparation.kind === 'ready');
  const { workload } = preparation;
  assert.equal(workload.notices.length, 1);
  assert.match(workload.notices[0] ?? '', /^names of the mesh will not resolve/);
  assert.deepEqual(await workload.start(), { code: 0 });
  assert.deepEqual(await workload.cleanup(), []);
});

test('processes the command leaves behind are ended, also in cgroups of their own', async (t) => {
  const place = await makePlace(t);
  if (place === undefined) return;
  const workload = await prepared(place, ':');
  const { cgroupPath } = workload;
  assert.ok(cgroupPath !== undefined);
  await mkdir(join(cgroupPath, 'below'));
  // Waits in the shell itself: a child of it would stay outside of the cgroup.
  const stubborn = spawn('sh', ['-c', 'trap "" TERM; echo ready; read -r line'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  t.after(() => stubborn.kill('SIGKILL'));
  const obedient = spawn('sleep', ['600'], { stdio: 'ignore' });
  t.after(() => obedient.kill('SIGKILL'));
  await once(stubborn.stdout, 'data');
  await writeFile(join(cgroupPath, 'cgroup.procs'), String(stubborn.pid));
  await writeFile(join(cgroupPath, 'below', 'cgroup.procs'), String(obedient.pid));
  const ends = Promise.all([once(stubborn, 'exit'), once(obedient, 'exit')]);
  assert.deepEqual(await workload.start(), { code: 0 });
  assert.deepEqual(await workload.cleanup(), []);
  assert.deepEqual(await ends, [
    [null, 'SIGKILL'],
    [null, 'SIGTERM'],
  ]);
  await assert.rejects(readdir(cgroupPath), { code: 'ENOENT' });
});

test('cgroups of runs that are gone are swept when empty; others stay', async (t) => {
  const place = await makePlace(t);
  if (place === undefined) return;
  const gone = spawn('true', { stdio: 'ignore' });
  await once(gone, 'exit');
  const lodger = spawn('sleep', ['600'], { stdio: 'ignore' });
  t.after(() => lodger.kill('SIGKILL'));
  const stale = join(place.parent, `sluice-${String(gone.pid)}-0`);
  const inhabited = join(place.parent, `sluice-${String(gone.pid)}-1`);
  const alive = join(place.parent, `sluice-${String(lodger.pid)}-0`);
  const strange = join(place.parent, 'sluice-service');
  for (const directory of [stale, join(stale, 'below'), inhabited, alive, strange]) await mkdir(directory);
  await writeFile(join(inhabited, 'cgroup.procs'), String(lodger.pid));

  const workload = await prepared(place, ':');
  assert.deepEqual(await workload.cleanup(), []);
  await assert.rejects(readdir(stale), { code: 'ENOENT' });
  for (const directory of [inhabited, alive, strange]) await readdir(directory);

  const exited = once(lodger, 'exit');
  lodger.kill('SIGKILL');
  await exited;
  for (const directory of [inhabited, alive, strange]) await rmdir(directory);
});

test('a run that fails to prepare leaves no cgroup', async (t) => {
  const place = await makePlace(t);
  if (place === undefined) return;
  const preparation = await prepareWorkload({
    command: ['no-such-command'],
    environment: { PATH: '/usr/bin:/bin' },
    cgroupParent: place.parent,
    hosts: [],
  });
  assert.ok(preparation.kind === 'failed');
  assert.equal(preparation.exitCode, 127);
  const entries = await readdir(place.parent, { withFileTypes: true });
  assert.deepEqual(
    entries.filter((entry) => entry.isDirectory()),
    [],
  );
});
