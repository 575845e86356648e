// Wrong use of `sluice run`: everything wrong is told at once with its place, and nothing is started.
import assert from 'node:assert/strict';
import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { aReplica } from '../support/a-replica.js';
import { aSluice, sluice, sluiceWords } from '../support/a-sluice.js';
import { aFolder, run } from '../support/processes.js';

test('every mistake of the command line, the environment and the mesh file is told at once', async (t) => {
  const folder = await aFolder(t);
  const file = join(folder, 'mesh.yaml');
  await writeFile(
    file,
    'services:\n  web:\n    ports: [80, 99999]\n    endpoint: []\n  Bad_Name: {}\ntimeouts:\n  connect: soon\n',
  );
  const witness = join(folder, 'started');
  const ended = await sluice(
    [
      'run',
      '--config',
      file,
      '--workers',
      '0',
      '--poler',
      'epoll',
      '--inbound',
      '80,x',
      '--',
      'touch',
      witness,
    ],
    { env: { SLUICE_LOG: 'loud', SLUICE_DNS_SERVERS: 'nonsense' } },
  );
  assert.equal(ended.code, 64);
  assert.equal(ended.stdout.toString(), '');
  for (const wanted of [
    /--poler/,
    /--workers: "0"/,
    /--inbound: "x"/,
    /SLUICE_LOG .*"loud"/,
    /SLUICE_DNS_SERVERS "nonsense"/,
    /mesh\.yaml:3:\d+: .*99999/,
    /mesh\.yaml:4:\d+: .*endpoint/,
    /mesh\.yaml:7:\d+: .*soon/,
  ]) {
    assert.match(ended.stderr, wanted);
  }
  await assert.rejects(access(witness), { code: 'ENOENT' });
});

test('a file that is not YAML is told with line and column', async (t) => {
  const file = join(await aFolder(t), 'mesh.yaml');
  await writeFile(file, 'services:\n  web: [1, 2\n');
  const ended = await sluice(['run', '--config', file, '--', 'true']);
  assert.equal(ended.code, 64);
  assert.match(ended.stderr, /mesh\.yaml:\d+:\d+: /);
});

test('a mesh file that is not there is a mistake, too', async () => {
  const ended = await sluice(['run', '--config', '/nowhere/mesh.yaml', '--', 'true']);
  assert.equal(ended.code, 64);
  assert.match(ended.stderr, /\/nowhere\/mesh\.yaml:1:1: cannot be read/);
});

test('without a command there is nothing to run', async () => {
  for (const args of [['run'], ['run', '--no-ebpf', '--'], ['run', 'true']]) {
    const ended = await sluice(args);
    assert.equal(ended.code, 64, args.join(' '));
    assert.match(ended.stderr, /put it after --/);
  }
});

for (const place of ['forwards', 'httpProxy', 'admin'] as const) {
  test(`a busy port of ${place} is named with its holder`, async (t) => {
    const replica = await aReplica(t, 'holder');
    const folder = await aFolder(t);
    const file = join(folder, 'mesh.yaml');
    const texts = {
      forwards: `forwards: [{ listen: '${replica.address}', to: '127.0.0.1:9' }]\n`,
      httpProxy: `httpProxy: ${replica.address}\n`,
      admin: `admin: { address: '${replica.address}' }\n`,
    };
    await writeFile(file, texts[place]);
    const admin = place === 'admin' ? [] : ['--admin', 'off'];
    const witness = join(folder, 'started');
    const ended = await sluice(['run', '--no-ebpf', ...admin, '--config', file, '--', 'touch', witness]);
    assert.equal(ended.code, 69, ended.stderr);
    const holder = `by nginx (pid ${String(replica.process.pid)})`;
    assert.ok(
      ended.stderr.includes(`cannot listen on ${replica.address}: the address is in use ${holder}`),
      ended.stderr,
    );
    await assert.rejects(access(witness), { code: 'ENOENT' });
  });
}

test('the usual admin port is left to the first of two runs', async (t) => {
  const command = ['sh', '-c', 'read -r _'] as const;
  const admins = [];
  for (let count = 0; count < 2; count += 1) {
    const mesh = await aSluice(t, { admin: '', options: ['--no-ebpf'], command });
    admins.push(mesh.ready('admin'));
    assert.equal(await mesh.asks('/ready'), 'ready\n');
  }
  assert.notEqual(admins[0], admins[1]);
});

/** As this user, but without any capability; others than root have none. */
const POWERLESS =
  process.getuid?.() === 0
    ? ['setpriv', '--inh-caps=-all', '--ambient-caps=-all', '--bounding-set=-all', '--']
    : [];

async function powerless(...args: readonly string[]): ReturnType<typeof run> {
  const [program = '', ...words] = [...POWERLESS, ...sluiceWords(...args)];
  return run([program, ...words]);
}

test('without rights --require-ebpf ends with 69 and what to do', async (t) => {
  const witness = join(await aFolder(t), 'started');
  const ended = await powerless('run', '--require-ebpf', '--admin', 'off', '--', 'touch', witness);
  assert.equal(ended.code, 69, ended.stderr);
  assert.match(ended.stderr, /eBPF is required and cannot be used here: .*CAP_BPF.*→/);
  await assert.rejects(access(witness), { code: 'ENOENT' });
});

test('without rights the command runs on rung 3, with one warning that says why', async () => {
  const ended = await powerless('run', '--admin', 'off', '--', 'sh', '-c', 'echo $HTTP_PROXY');
  assert.equal(ended.code, 0, ended.stderr);
  assert.match(ended.stdout.toString(), /^http:\/\/127\.0\.0\.1:\d+\n$/);
  assert.equal(ended.stderr.split(' WARN ').length, 2, ended.stderr);
  assert.match(ended.stderr, /WARN no capture by eBPF here: .*rung=3 why=.*CAP_BPF.*remedy=/);
});

test('sluice doctor says the rung, what is missing and what to do, also as JSON', async () => {
  const text = await powerless('doctor');
  assert.equal(text.code, 0);
  assert.match(text.stdout.toString(), /^rung 3: .*\n(?:.*\n)*missing CAP_BPF: .* → .+/);
  const json = await powerless('doctor', '--json');
  const { facts, plan } = JSON.parse(json.stdout.toString()) as {
    facts: { platform: string; effective: string[] };
    plan: { rung: number; findings: { state: string; subject: string; remedy?: string }[] };
  };
  assert.deepEqual([facts.platform, facts.effective, plan.rung], [process.platform, [], 3]);
  const missing = plan.findings.filter(({ state }) => state === 'missing');
  assert.ok(missing.some(({ subject }) => subject === 'CAP_NET_ADMIN'));
  assert.ok(missing.every(({ remedy }) => remedy !== undefined && remedy !== ''));
});

test('the versions of everything it is made of are shown', async () => {
  const ended = await sluice(['--version']);
  assert.equal(ended.code, 0);
  for (const part of ['sluice', 'node', 'contract', 'libbpf', 'protobuf', 'openssl', 'libuv', 'nghttp2']) {
    assert.match(ended.stdout.toString(), new RegExp(`^${part} \\S+`, 'm'));
  }
});
