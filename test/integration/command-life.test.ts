// The command under `sluice run`: its exit code is sluice's, its stdio is untouched, signals reach it,
// and it is ended when it has to be. Without eBPF, so that every user can run this.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';

import { aSluice, sluice, sluiceWords } from '../support/a-sluice.js';
import {
  aFolder,
  freePort,
  type Running,
  type Scope,
  start,
  until,
  type Words,
} from '../support/processes.js';

const RUN = ['run', '--no-ebpf', '--admin', 'off', '--log-level', 'error'] as const;

/** A run that has said `up`. */
async function up(t: Scope, script: string, ...options: string[]): Promise<Running> {
  const running = start(t, sluiceWords(...RUN, ...options, '--', 'sh', '-c', script));
  await running.sees('up', ({ stdout }) => (stdout.includes('up\n') ? true : undefined));
  return running;
}

for (const { name, command, code } of [
  { name: 'that of the command', command: ['sh', '-c', 'exit 37'], code: 37 },
  { name: '0 when it succeeds', command: ['true'], code: 0 },
  { name: '128 and the signal that ended it', command: ['sh', '-c', 'kill -SEGV $$'], code: 139 },
  { name: '127 when it does not exist', command: ['no-such-command'], code: 127 },
  { name: '127 when its path does not exist', command: ['/nowhere/command'], code: 127 },
  { name: '126 when it is not executable', command: ['/etc/passwd'], code: 126 },
]) {
  test(`the exit code is ${name}`, async () => {
    // The caller's PATH may have folders that this user must not look into: then "not executable" is right.
    const ended = await sluice([...RUN, '--', ...command], { env: { PATH: '/usr/bin:/bin' } });
    assert.deepEqual([ended.code, ended.signal], [code, null], ended.stderr);
    if (code >= 126 && code <= 127) assert.match(ended.stderr, new RegExp(`ERROR ${command[0] ?? ''}`));
    else assert.equal(ended.stderr, '');
  });
}

test('binary input and output pass unchanged, and nothing else is on standard output', async () => {
  const bytes = randomBytes(3 << 20);
  const ended = await sluice(['run', '--no-ebpf', '--admin', '127.0.0.1:0', '--', 'cat'], { input: bytes });
  const digest = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');
  assert.equal(ended.stdout.length, bytes.length);
  assert.equal(digest(ended.stdout), digest(bytes));
  assert.match(ended.stderr, /INFO sluice is ready/);
});

test('arguments, environment and working directory are those given', async (t) => {
  const folder = await aFolder(t);
  const script = 'printf "%s|" "$@" "$WITH_SPACES"; pwd';
  const words = ['--', 'sh', '-c', script, 'sh', '', 'two words', '--config', '-h', '$(id)', '"quoted"'];
  const env = { WITH_SPACES: ' a  b ', 'odd-name': 'odd value' };
  const ended = await sluice([...RUN, ...words], { env, cwd: folder });
  assert.equal(ended.stdout.toString(), `|two words|--config|-h|$(id)|"quoted"| a  b |${folder}\n`);
  // A name that no shell would keep.
  const variables = await sluice([...RUN, '--', 'env'], { env });
  assert.match(variables.stdout.toString(), /^odd-name=odd value$/m);
});

/** Says which signal comes, and whether another one follows. Ends by itself in any case. */
const SIGNALLED = `
import signal
names = ["TERM", "INT", "HUP", "USR1", "USR2", "QUIT"]
signals = [getattr(signal, "SIG" + name) for name in names]
signal.alarm(60)
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
print("up", flush=True)
print(signal.sigwait(signals).name, flush=True)
print(signal.sigtimedwait(signals, 0.2) or "once", flush=True)
exit(40)`;

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGQUIT'] as const) {
  test(`${signal} reaches the command, once, and what it does about it is its own affair`, async (t) => {
    const running = start(t, sluiceWords(...RUN, '--', 'python3', '-c', SIGNALLED));
    await running.sees('up', ({ stdout }) => (stdout.includes('up\n') ? true : undefined));
    running.kill(signal);
    const { code, stdout } = await running.ended();
    assert.deepEqual([code, stdout.toString()], [40, `up\n${signal}\nonce\n`]);
  });
}

test('a command that a forwarded signal ends gives 128 and its number', async (t) => {
  const running = await up(t, 'echo up; exec sleep 60');
  running.kill('SIGHUP');
  assert.equal((await running.ended()).code, 129);
});

test('a second SIGTERM ends a command that does not follow the first', async (t) => {
  const running = await up(t, 'trap "echo asked" TERM; echo up; while :; do sleep 0.05; done');
  running.kill('SIGTERM');
  await running.sees('the first', ({ stdout }) => (stdout.includes('asked') ? true : undefined));
  assert.ok(!running.isOver);
  running.kill('SIGTERM');
  assert.equal((await running.ended()).code, 137);
});

test('a command that does not follow SIGTERM within the grace is killed', async (t) => {
  const file = join(await aFolder(t), 'mesh.yaml');
  await writeFile(file, 'timeouts: { drain: 300ms }\n');
  const running = await up(t, 'trap "" TERM; echo up; while :; do sleep 0.05; done', '--config', file);
  running.kill('SIGTERM');
  assert.equal((await running.ended()).code, 137);
});

test('shutting down by the admin server ends the command as SIGTERM does, only where it is allowed', async (t) => {
  const command: Words = ['sh', '-c', 'trap "exit 21" TERM; while :; do sleep 0.05; done'];
  const options = ['--no-ebpf'];
  const shut = await aSluice(t, { config: 'admin: { shutdown: false }\n', options, command });
  const status = ['-X', 'POST', '-o', '/dev/null', '-w', '%{http_code}'];
  assert.equal(await shut.asks('/shutdown', ...status), '404');
  await shut.apply('admin: { shutdown: true }\n');
  assert.equal(await shut.asks('/shutdown', '-o', '/dev/null', '-w', '%{http_code}'), '405');
  assert.equal(await shut.asks('/shutdown', ...status), '200');
  assert.equal((await shut.ended()).code, 21);
});

async function isTaken(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

test('an end of sluice waits for what is under way, and a new connection is not taken', async (t) => {
  const port = await freePort();
  const server = start(
    t,
    [
      process.execPath,
      '-e',
      `
    const server = require('node:http').createServer((q, a) => {
      console.log('asked');
      process.stdin.once('data', () => a.end('late'));
    });
    server.listen(0, '127.0.0.1', () => console.log('port ' + server.address().port));`,
    ],
    { interactive: true },
  );
  const to = await server.sees('its port', ({ stdout }) => /port (\d+)/.exec(stdout)?.[1]);
  const mesh = await aSluice(t, {
    config: `forwards: [{ listen: '127.0.0.1:${String(port)}', to: '127.0.0.1:${to}' }]\n`,
    options: ['--no-ebpf'],
  });
  const answer = fetch(`http://127.0.0.1:${String(port)}/`).then((response) => response.text());
  await server.sees('a request', ({ stdout }) => (stdout.includes('asked') ? true : undefined));
  await mesh.endShell();
  await until('no new connection is taken', async () => !(await isTaken(port)));
  assert.ok(!mesh.isOver);
  server.write('go\n');
  assert.equal(await answer, 'late');
  assert.equal((await mesh.ended()).code, 0);
});

test('processes that the command left running do not hold up its end', async (t) => {
  // Without a cgroup they are not sluice's to end; they just must not be waited for.
  const running = start(
    t,
    sluiceWords(...RUN, '--', 'sh', '-c', 'sleep 60 >/dev/null 2>&1 & echo $!; exit 5'),
  );
  const pid = Number(await running.sees('a pid', ({ stdout }) => /^(\d+)\n/.exec(stdout)?.[1]));
  t.after(() => process.kill(pid, 'SIGKILL'));
  assert.equal((await running.ended()).code, 5);
});
