// Rung 3: what programs get from `sluice run` without any rights: an HTTP proxy they are told of, and
// listeners that forward to services and addresses.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { aReplica, type Replica } from '../support/a-replica.js';
import { aSluice, type Sluice } from '../support/a-sluice.js';
import { FakeDnsServer, RESPONSE_CODE } from '../support/fake-dns-server.js';
import { meshFile } from '../support/mesh-file-text.js';
import { freePort, output, until } from '../support/processes.js';

async function replicas(t: TestContext): Promise<readonly Replica[]> {
  return Promise.all(['a', 'b', 'c'].map((name) => aReplica(t, name)));
}

function web(endpoints: readonly Replica[], more = ''): string {
  return meshFile({ web: { endpoints: endpoints.map(({ address }) => address) } }, more);
}

function listener(mesh: Sluice, kind: string): string {
  const address = new RegExp(`${kind} (\\S+?)(?:,|$| to )`).exec(mesh.ready('listeners'))?.[1];
  assert.ok(address !== undefined, mesh.ready('listeners'));
  return address;
}

async function aDnsServer(
  t: TestContext,
): Promise<{ readonly dns: FakeDnsServer; readonly env: Record<string, string> }> {
  const dns = new FakeDnsServer();
  const address = await dns.start();
  t.after(() => dns.stop());
  return { dns, env: { SLUICE_DNS_SERVERS: address } };
}

const OPTIONS = ['--no-ebpf'] as const;

test('a program that heeds http_proxy has its requests balanced', async (t) => {
  const all = await replicas(t);
  const mesh = await aSluice(t, { config: web(all), options: OPTIONS });
  assert.equal(mesh.ready('rung'), '3');
  const loop = 'for n in $(seq 30); do curl -sS --fail -m 10 http://web/ || exit; done';
  const answers = (await mesh.say(loop)).trim().split('\n');
  assert.deepEqual([answers.length, new Set(answers).size], [30, 3]);
  assert.equal(await mesh.counted('request_total', { authority: 'web:80' }), 30);
});

test('a tunnel by CONNECT leads to a replica, and its bytes are counted', async (t) => {
  const all = await replicas(t);
  const mesh = await aSluice(t, { config: web(all), options: OPTIONS });
  const tunnelled = await mesh.say(
    'curl -sS --fail -m 10 -p -x "$http_proxy" http://web/10k -o /dev/null -w "%{size_download} %{http_connect}"',
  );
  assert.equal(tunnelled, '10240 200');
  await until(
    'the bytes are counted',
    async () => (await mesh.counted('tcp_read_bytes_total', { peer: 'dst' })) > 10_240,
  );
});

for (const listen of ['127.0.0.1:0', '[::1]:0']) {
  test(`a forward that listens on ${listen} leads to a service`, async (t) => {
    const all = await replicas(t);
    const config = web(all, `forwards: [{ listen: '${listen}', to: 'web:80' }]\n`);
    const mesh = await aSluice(t, { config, options: OPTIONS });
    const url = `http://${listener(mesh, 'forward')}/`;
    const printed = await output(['curl', '-sS', '--fail', '-g', ...Array<string>(60).fill(url)]);
    assert.deepEqual([...new Set(printed.trim().split('\n'))].sort(), [
      'replica a',
      'replica b',
      'replica c',
    ]);
    assert.equal(await mesh.counted('request_total', { authority: 'web:80' }), 60);
    assert.equal(await mesh.counted('tcp_open_total', { peer: 'src' }), 1);
  });
}

test('a forward leads to an address, whatever authority the requests have', async (t) => {
  const replica = await aReplica(t, 'only');
  const config = `forwards: [{ listen: '127.0.0.1:0', to: '${replica.address}' }]\n`;
  const mesh = await aSluice(t, { config, options: OPTIONS });
  const url = `http://${listener(mesh, 'forward')}/`;
  assert.equal(
    await output(['curl', '-sS', '--fail', '-H', 'Host: elsewhere.example', url]),
    'replica only\n',
  );
});

test('the proxy leads to an address that nobody configured', async (t) => {
  const replica = await aReplica(t, 'plain');
  const mesh = await aSluice(t, { options: OPTIONS });
  assert.equal(await mesh.say(`curl -sS --fail http://${replica.address}/`), 'replica plain\n');
  assert.equal(await mesh.counted('request_total', { target_addr: replica.address }), 1);
});

test('a name is balanced over its addresses', async (t) => {
  const [first, second] = [await aReplica(t, 'first', { ip: '127.7.1.1' }), '127.7.1.2'];
  const other = await aReplica(t, 'second', { ip: second, port: first.port });
  const { dns, env } = await aDnsServer(t);
  dns.set('many.sluice-test', [
    { type: 'a', ttl: 60, ip: '127.7.1.1' },
    { type: 'a', ttl: 60, ip: second },
  ]);
  const mesh = await aSluice(t, { options: OPTIONS, env });
  const url = `http://many.sluice-test:${String(first.port)}/`;
  const loop = `for n in $(seq 20); do curl -sS --fail -m 10 ${url} || exit; done`;
  assert.equal(new Set((await mesh.say(loop)).trim().split('\n')).size, 2);
  assert.equal((await first.requests()) + (await other.requests()), 20);
});

test('a service whose endpoints come from the name system follows the answers', async (t) => {
  const [first, second] = [
    await aReplica(t, 'first', { ip: '127.7.2.1' }),
    await aReplica(t, 'second', { ip: '127.7.2.2' }),
  ];
  const { dns, env } = await aDnsServer(t);
  const srv = (replica: Replica) =>
    ({
      type: 'srv',
      ttl: 0,
      priority: 0,
      weight: 1,
      port: replica.port,
      target: `${replica.name}.sluice-test`,
    }) as const;
  dns.set('first.sluice-test', [{ type: 'a', ttl: 0, ip: '127.7.2.1' }]);
  dns.set('second.sluice-test', [{ type: 'a', ttl: 0, ip: '127.7.2.2' }]);
  dns.set('_web._tcp.sluice-test', [srv(first)]);
  const config = `services:\n  web:\n    ports: [80]\n    dns: { name: _web._tcp.sluice-test, records: srv, minTtl: 100ms }\n`;
  const mesh = await aSluice(t, { config, options: OPTIONS, env });
  const ask = 'curl -sS --fail -m 10 http://web/';
  assert.equal(await mesh.say(ask), 'replica first\n');
  dns.set('_web._tcp.sluice-test', [srv(second)]);
  await until('the new answer is in force', async () => (await mesh.say(ask)) === 'replica second\n');
  // A failing name server changes nothing.
  dns.fail('_web._tcp.sluice-test', RESPONSE_CODE.serverFailure);
  await until(
    'the failure is seen',
    async () => (await mesh.routes()).services[0]?.dns?.failure !== undefined,
  );
  assert.equal(await mesh.say(ask), 'replica second\n');
});

test('a name that does not exist is answered with the reason', async (t) => {
  const { env } = await aDnsServer(t);
  const mesh = await aSluice(t, { options: OPTIONS, env });
  const answer = await mesh.say('curl -sS -i -m 10 http://nowhere.sluice-test/');
  assert.match(answer, /^HTTP\/1\.1 50[234] [^]*l5d-proxy-error: .*nowhere\.sluice-test/);
  assert.equal(await mesh.counted('sluice_request_errors_total', { error: 'discovery_failed' }), 1);
});

test('an edit opens and closes forwards while running', async (t) => {
  const replica = await aReplica(t, 'only');
  const mesh = await aSluice(t, { config: '{}\n', options: OPTIONS });
  const port = String(await freePort());
  await mesh.apply(`forwards: [{ listen: '127.0.0.1:${port}', to: '${replica.address}' }]\n`);
  const ask = ['curl', '-sS', '--fail', '-m', '10', `http://127.0.0.1:${port}/`] as const;
  assert.equal(await output(ask), 'replica only\n');
  await mesh.apply('{ forwards: [] }\n');
  await assert.rejects(output(ask), /Couldn't connect/);
});
