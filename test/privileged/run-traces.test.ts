// What `sluice run` leaves behind, whichever way it ends, and how runs live beside and inside each
// other. Needs the rights for eBPF capture; says so and skips otherwise.
import assert from 'node:assert/strict';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { probeCapabilities } from '../../src/ebpf/capability-probe.js';
import { aReplica } from '../support/a-replica.js';
import { aSluice, sluice, sluiceWords } from '../support/a-sluice.js';
import { meshFile } from '../support/mesh-file-text.js';
import { canCapture } from '../support/privileges.js';
import { aFolder, freePort, output, start, until } from '../support/processes.js';

const WEB = '10.77.0.10';

interface Link {
  readonly id: number;
  readonly prog_id: number;
  readonly cgroup_id?: number;
}

async function bpftool<T>(...args: string[]): Promise<readonly T[]> {
  const text = await output(['bpftool', '-j', ...args]);
  return text.trim() === '' ? [] : (JSON.parse(text) as T[]);
}

async function linksOf(cgroup: string): Promise<readonly Link[]> {
  const { ino } = await stat(cgroup);
  return (await bpftool<Link>('link', 'show')).filter((link) => link.cgroup_id === ino);
}

async function cgroupParent(): Promise<string> {
  const { cgroup } = await probeCapabilities();
  assert.ok(cgroup?.writableParent !== undefined);
  return cgroup.writableParent;
}

/** Cgroups of the run with this pid. */
async function cgroupsOf(pid: number): Promise<readonly string[]> {
  const parent = await cgroupParent();
  const names = await readdir(parent);
  return names.filter((name) => name.startsWith(`sluice-${String(pid)}-`)).map((name) => join(parent, name));
}

/** What this host has that a run makes: links, programs and maps of BPF, cgroups. */
interface Traces {
  readonly links: readonly number[];
  readonly maps: readonly number[];
  readonly cgroups: readonly string[];
}

async function traces(): Promise<Traces> {
  const names = async (kind: string): Promise<number[]> =>
    (await bpftool<{ id: number; name?: string }>(kind, 'show'))
      .filter((one) => one.name?.startsWith('mesh_'))
      .map(({ id }) => id);
  const links = (await bpftool<Link>('link', 'show')).map(({ id }) => id);
  return {
    links,
    maps: await names('map'),
    cgroups: (await readdir(await cgroupParent())).filter((name) => /^sluice-\d+-\d+$/.test(name)),
  };
}

/** The kernel frees programs and maps a moment after their last user is gone: what was there before may go, too. */
async function untilNothingButWhatWas(before: Traces): Promise<void> {
  let left: Traces = { links: [], maps: [], cgroups: [] };
  try {
    await until('everything is gone', async () => {
      const now = await traces();
      left = {
        links: now.links.filter((id) => !before.links.includes(id)),
        maps: now.maps.filter((id) => !before.maps.includes(id)),
        cgroups: now.cgroups.filter((name) => !before.cgroups.includes(name)),
      };
      return left.links.length + left.maps.length + left.cgroups.length === 0;
    });
  } catch {
    assert.deepEqual(left, { links: [], maps: [], cgroups: [] });
  }
}

test('a killed sluice leaves nothing attached, its command goes on unmeshed, the next run sweeps', async (t) => {
  if (!(await canCapture(t))) return;
  const before = await traces();
  const temporary = await aFolder(t);
  const replica = await aReplica(t, 'direct');
  // Nobody listens there, and nobody answers for it.
  const [ip, port] = ['127.77.0.10', await freePort('127.77.0.10')];
  const mesh = await aSluice(t, {
    config: meshFile({ web: { addresses: [ip], port, endpoints: [replica.address] } }),
    options: ['--inbound', String(await freePort())],
    env: { TMPDIR: temporary },
  });
  const [cgroup] = await cgroupsOf(mesh.pid);
  assert.ok(cgroup !== undefined);
  assert.equal((await linksOf(cgroup)).length, 5);
  await mesh.say(`curl -sS --fail http://${ip}:${String(port)}/`);

  mesh.kill('SIGKILL');
  await until('it is dead', () => mesh.isOver);
  await until('the kernel has detached everything', async () => (await linksOf(cgroup)).length === 0);
  assert.equal((await output(['bpftool', 'cgroup', 'show', cgroup])).trim(), '');
  assert.match(await mesh.say(`curl -sS --fail http://${replica.address}/`), /replica direct/);
  assert.match(
    (await mesh.sh(`curl -sS -m 5 http://${ip}:${String(port)}/`)).text,
    /Couldn't connect|refused/,
  );
  assert.match(await readFile(join(cgroup, 'cgroup.events'), 'utf8'), /^populated 1$/m);
  await mesh.endShell();
  await until('the command has ended', async () =>
    /^populated 0$/m.test(await readFile(join(cgroup, 'cgroup.events'), 'utf8')),
  );

  assert.equal(
    (await sluice(['run', '--admin', 'off', '--', 'true'], { env: { TMPDIR: temporary } })).code,
    0,
  );
  await untilNothingButWhatWas(before);
  assert.deepEqual(await readdir(temporary), []);
});

test('the command has no descriptor of sluice', async (t) => {
  if (!(await canCapture(t))) return;
  const ended = await sluice([
    'run',
    '--admin',
    '127.0.0.1:0',
    '--inbound',
    String(await freePort()),
    '--',
    'ls',
    '-l',
    '/proc/self/fd',
  ]);
  const lines = ended.stdout.toString().split('\n');
  assert.deepEqual(
    lines.filter((line) => / (?:[3-9]|\d{2,}) -> (?:socket|anon_inode):/.test(line)),
    [],
  );
});

interface End {
  readonly name: string;
  readonly args: readonly string[];
  readonly code: number;
}

const MESH = meshFile({ web: { addresses: [WEB], endpoints: [] } });
const ENDS: readonly End[] = [
  { name: 'the command ends', args: ['--', 'sh', '-c', 'exit 3'], code: 3 },
  { name: 'the command leaves children', args: ['--', 'sh', '-c', 'sleep 60 & exit 4'], code: 4 },
  { name: 'the command is killed', args: ['--', 'sh', '-c', 'kill -KILL $$'], code: 137 },
  { name: 'the command does not exist', args: ['--', 'no-such-command'], code: 127 },
  { name: 'sluice gets SIGTERM', args: ['--', 'sh', '-c', 'kill -TERM $SLUICE_PID; sleep 60'], code: 143 },
];

for (const { name, args, code } of ENDS) {
  test(`nothing is left when ${name}`, async (t) => {
    if (!(await canCapture(t))) return;
    const before = await traces();
    const temporary = await aFolder(t);
    const file = join(await aFolder(t), 'mesh.yaml');
    await writeFile(file, MESH);
    // The shell that becomes sluice knows its own pid.
    const words = sluiceWords('run', '--admin', '127.0.0.1:0', '--config', file, ...args);
    const running = start(t, ['sh', '-c', 'export SLUICE_PID=$$; exec "$@"', 'sh', ...words], {
      env: { TMPDIR: temporary },
    });
    const ended = await running.ended(60_000);
    assert.equal(ended.code, code, ended.stderr);
    await untilNothingButWhatWas(before);
    assert.deepEqual(await readdir(temporary), []);
  });
}

test('nothing is left when a listener of the mesh file cannot be had', async (t) => {
  if (!(await canCapture(t))) return;
  const replica = await aReplica(t, 'busy');
  const before = await traces();
  const file = join(await aFolder(t), 'mesh.yaml');
  await writeFile(file, `${MESH}forwards: [{ listen: '${replica.address}', to: 'web:80' }]\n`);
  const ended = await sluice(['run', '--admin', 'off', '--config', file, '--', 'true']);
  assert.equal(ended.code, 69, ended.stderr);
  await untilNothingButWhatWas(before);
});

test('two runs side by side capture each its own command', async (t) => {
  if (!(await canCapture(t))) return;
  const meshes = [];
  for (const name of ['one', 'two']) {
    const replica = await aReplica(t, name);
    meshes.push(
      await aSluice(t, { config: meshFile({ web: { addresses: [WEB], endpoints: [replica.address] } }) }),
    );
  }
  const answers = await Promise.all(meshes.map((mesh) => mesh.say('curl -sS --fail http://web/')));
  assert.deepEqual(answers, ['replica one\n', 'replica two\n']);
  const [one, two] = meshes;
  assert.equal((await one?.finish())?.code, 0);
  assert.equal(await two?.say('curl -sS --fail http://web/'), 'replica two\n');
});

test('a run inside of a run has its own services and those of the outer one', async (t) => {
  if (!(await canCapture(t))) return;
  const [outer, inner] = [await aReplica(t, 'outer'), await aReplica(t, 'inner')];
  const mesh = await aSluice(t, {
    config: meshFile({ web: { addresses: [WEB], endpoints: [outer.address] } }, 'skip: { loopback: true }\n'),
  });
  const file = join(await aFolder(t), 'inner.yaml');
  await writeFile(file, meshFile({ api: { addresses: ['10.77.0.11'], endpoints: [inner.address] } }));
  const nested = sluiceWords(
    'run',
    '--admin',
    'off',
    '--log-level',
    'warn',
    '--config',
    file,
    '--',
    'curl',
    '-sS',
    '--fail',
    '-m',
    '10',
  );
  assert.equal(await mesh.say(`${nested.join(' ')} http://api/`), 'replica inner\n');
  assert.equal(await mesh.say(`${nested.join(' ')} http://web/`), 'replica outer\n');
  assert.equal(await mesh.counted('request_total', { authority: 'web:80' }), 1);
});
