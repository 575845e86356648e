// Editing the mesh file while load runs: what is taken away gets no request any more, what is added
// gets its share, mistakes change nothing, and no request is lost over it.
import assert from 'node:assert/strict';
import { mkdir, rename, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { aReplica, type Replica } from '../support/a-replica.js';
import { aSluice, type Sluice } from '../support/a-sluice.js';
import { meshFile } from '../support/mesh-file-text.js';
import { aFolder, type Running, start, until } from '../support/processes.js';

const OPTIONS = ['--no-ebpf'] as const;

function web(...replicas: readonly Replica[]): string {
  const endpoints = replicas.map(({ address }) => address);
  return meshFile(
    { web: { protocol: 'http1', endpoints } },
    "forwards: [{ listen: '127.0.0.1:0', to: 'web:80' }]\n",
  );
}

function forwardOf(mesh: Sluice): string {
  const address = /forward (\S+) to/.exec(mesh.ready('listeners'))?.[1];
  assert.ok(address !== undefined);
  return address;
}

/** Requests over eight connections until the test has done its edits. */
function load(t: TestContext, mesh: Sluice): Running {
  return start(t, ['wrk', '-t1', '-c8', '-d60s', '--timeout', '5s', `http://${forwardOf(mesh)}/`]);
}

/** wrk prints its counts when it is interrupted, too. */
async function assertNothingLost(running: Running): Promise<number> {
  running.kill('SIGINT');
  const { stdout } = await running.ended();
  const printed = stdout.toString();
  assert.doesNotMatch(printed, /Non-2xx|Socket errors/, printed);
  return Number(/(\d+) requests in/.exec(printed)?.[1]);
}

async function gets(replica: Replica, more: number): Promise<void> {
  const before = await replica.requests();
  await until(`${replica.name} gets requests`, async () => (await replica.requests()) >= before + more);
}

test('replicas are removed and added under load without a lost request', async (t) => {
  const [a, b, c] = [await aReplica(t, 'a'), await aReplica(t, 'b'), await aReplica(t, 'c')];
  const mesh = await aSluice(t, { config: web(a, b), options: OPTIONS });
  const running = load(t, mesh);
  await gets(a, 100);

  await mesh.apply(web(b));
  const others = await b.requests();
  await until('requests that were under way are over', async () => {
    const before = await a.requests();
    await gets(b, 100);
    return (await a.requests()) === before;
  });
  const last = await a.requests();
  // Nobody may dial it any more.
  a.process.kill('SIGKILL');
  await gets(b, 500);
  assert.equal(await a.requests(), last);
  assert.ok((await b.requests()) > others);

  await mesh.apply(web(b, c));
  await gets(c, 100);
  // Swapped in one edit.
  await mesh.apply(web(c));
  await gets(c, 100);
  assert.ok((await assertNothingLost(running)) > 1000);
});

test('a replica that dies without warning costs no request that can be repeated', async (t) => {
  const [a, b] = [await aReplica(t, 'a'), await aReplica(t, 'b')];
  const mesh = await aSluice(t, { config: web(a, b), options: OPTIONS });
  const running = load(t, mesh);
  await gets(a, 100);
  await gets(b, 100);
  a.process.kill('SIGKILL');
  await a.process.ended();
  await gets(b, 500);
  await assertNothingLost(running);
});

test('a bad edit changes nothing and has each of its mistakes printed with its place', async (t) => {
  const [a, b] = [await aReplica(t, 'a'), await aReplica(t, 'b')];
  const mesh = await aSluice(t, { config: web(a), options: OPTIONS });
  const running = load(t, mesh);
  await gets(a, 100);
  await mesh.edit(
    `services:\n  web:\n    ports: [99999]\n    endpoints: ['${b.address}']\n    colour: red\nforward: []\n`,
  );
  const { fields } = await mesh.untilLogged(({ message }) =>
    message.startsWith('the new mesh file is not used'),
  );
  const places = mesh.log
    .filter(({ message }) => message === 'mistake in the mesh file')
    .map((record) => String(record.fields?.['place']));
  assert.equal(places.length, Number(fields?.['mistakes']));
  for (const wanted of [
    /mesh\.yaml:3:13: .*99999/,
    /mesh\.yaml:5:5: .*colour/,
    /mesh\.yaml:6:1: .*forward/,
  ]) {
    assert.ok(
      places.some((place) => wanted.test(place)),
      `${String(wanted)} in ${places.join('\n')}`,
    );
  }
  await gets(a, 100);
  assert.equal(await b.requests(), 0);
  // And the next good one is taken.
  await mesh.apply(web(b));
  await gets(b, 100);
  await assertNothingLost(running);
});

test('a file that goes away leaves the configuration; when it is back it is read', async (t) => {
  const [a, b] = [await aReplica(t, 'a'), await aReplica(t, 'b')];
  const mesh = await aSluice(t, { config: web(a), options: OPTIONS });
  const running = load(t, mesh);
  await unlink(mesh.meshFile);
  await mesh.untilLogged(({ message }) => message.startsWith('the mesh file cannot be read'));
  await gets(a, 100);
  await mesh.apply(web(b));
  await gets(b, 100);
  await assertNothingLost(running);
});

test('a file written in place is read once it is whole', async (t) => {
  const [a, b] = [await aReplica(t, 'a'), await aReplica(t, 'b')];
  const mesh = await aSluice(t, { config: web(a), options: OPTIONS });
  const running = load(t, mesh);
  await gets(a, 100);
  await writeFile(mesh.meshFile, web(b));
  await gets(b, 100);
  await assertNothingLost(running);
  assert.ok(mesh.log.every(({ message }) => message !== 'mistake in the mesh file'));
});

test('a swapped symbolic link is an edit, as with a mounted ConfigMap', async (t) => {
  const [a, b] = [await aReplica(t, 'a'), await aReplica(t, 'b')];
  const folder = await aFolder(t);
  for (const [version, replica] of [
    ['v1', a],
    ['v2', b],
  ] as const) {
    await mkdir(join(folder, version));
    await writeFile(join(folder, version, 'mesh.yaml'), web(replica));
  }
  await symlink('v1', join(folder, 'current'));
  await symlink('current/mesh.yaml', join(folder, 'mesh.yaml'));
  const mesh = await aSluice(t, { options: [...OPTIONS, '--config', join(folder, 'mesh.yaml')] });
  const running = load(t, mesh);
  await gets(a, 100);
  await symlink('v2', join(folder, 'next'));
  await rename(join(folder, 'next'), join(folder, 'current'));
  await gets(b, 100);
  await assertNothingLost(running);
});

test('a renamed service is found by its new name only', async (t) => {
  const a = await aReplica(t, 'a');
  const service = { endpoints: [a.address] };
  const mesh = await aSluice(t, {
    config: meshFile({ old: service }),
    options: OPTIONS,
    // A name server that nobody is: names that are not of the mesh lead nowhere.
    env: { SLUICE_DNS_SERVERS: '127.0.0.1:9' },
  });
  assert.equal(await mesh.say('curl -sS --fail -m 10 http://old/'), 'replica a\n');
  await mesh.apply(meshFile({ new: service }));
  assert.equal(await mesh.say('curl -sS --fail -m 10 http://new/'), 'replica a\n');
  assert.notEqual((await mesh.sh('curl -sS --fail -m 10 http://old/')).code, 0);
  assert.deepEqual(
    (await mesh.routes()).services.map(({ name }) => name),
    ['new'],
  );
});

test('an edit of what only a start can change is reported', async (t) => {
  const mesh = await aSluice(t, { config: '{}\n', options: OPTIONS });
  await mesh.apply('skip: { ports: [22] }\ntimeouts: { clientIdle: 1m, failFast: 1s }\n');
  const { fields } = await mesh.untilLogged(({ level }) => level === 'warn');
  assert.equal(fields?.['keys'], 'skip, timeouts.clientIdle');
});
