// `sluice run` with eBPF capture: what ordinary programs meet that know nothing of a mesh. Needs the
// rights for it; says so and skips otherwise.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';

import { aReplica, type Replica } from '../support/a-replica.js';
import { aSluice, sluice } from '../support/a-sluice.js';
import { FakeDnsServer } from '../support/fake-dns-server.js';
import { meshFile } from '../support/mesh-file-text.js';
import { canCapture } from '../support/privileges.js';
import { type Scope, until } from '../support/processes.js';

const WEB = '10.77.0.10';
const WEB6 = 'fd00:77::10';

async function threeReplicas(t: Scope): Promise<readonly Replica[]> {
  return Promise.all(['a', 'b', 'c'].map((name) => aReplica(t, name)));
}

async function counts(replicas: readonly Replica[]): Promise<number[]> {
  return Promise.all(replicas.map((replica) => replica.requests()));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function web(replicas: readonly Replica[], more = ''): string {
  const endpoints = replicas.map(({ address }) => address);
  return meshFile({ web: { addresses: [WEB, WEB6], endpoints } }, more);
}

/** A TCP server of the test itself; answers its port. */
async function aServer(
  t: TestContext,
  onConnection: (socket: Socket) => void,
  ip = '127.0.0.1',
): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    onConnection(socket);
  }).listen(0, ip);
  await once(server, 'listening');
  t.after(() => void server.close());
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return { server, port: address.port };
}

/** Python that prints what `body` prints; `s` is connected to the address. */
function python(host: string, port: number, body: string): string {
  return `python3 -c '
import socket
s = socket.create_connection(("${host}", ${String(port)}), 10)
${body}'`;
}

test('requests by name and by virtual address are balanced over the replicas', async (t) => {
  if (!(await canCapture(t))) return;
  const replicas = await threeReplicas(t);
  const mesh = await aSluice(t, { config: web(replicas) });
  assert.equal(mesh.ready('rung'), '1');
  for (const host of ['web', WEB, `[${WEB6}]`]) {
    assert.match(await mesh.say(`curl -sS --fail -m 10 http://${host}/`), /^replica [abc]$/m);
  }
  await mesh.say('h2load --h1 -n 300 -c 6 -t 1 http://web/ | grep "300 succeeded"');
  await until('303 requests arrived', async () => sum(await counts(replicas)) === 303);
  for (const count of await counts(replicas))
    assert.ok(count > 30, `unbalanced: ${String(await counts(replicas))}`);
  assert.equal(await mesh.counted('request_total', { authority: 'web:80' }), 303);
  assert.equal((await mesh.finish()).code, 0);
});

test('http.client of Python keeps its connection, and each request is balanced', async (t) => {
  if (!(await canCapture(t))) return;
  const replicas = await threeReplicas(t);
  const mesh = await aSluice(t, { config: web(replicas) });
  const answers = await mesh.say(`python3 -c '
import http.client
c = http.client.HTTPConnection("web", 80, timeout=10)
for n in range(60):
    c.request("GET", "/%d" % n)
    r = c.getresponse()
    assert r.status == 200
    print(r.getheader("X-Replica"), r.read().decode().strip())
'`);
  assert.equal(new Set(answers.trim().split('\n')).size, 3);
  assert.equal(await mesh.counted('tcp_open_total', { direction: 'outbound', peer: 'src' }), 1);
});

test('the command sees the address it dialled, not that of the proxy', async (t) => {
  if (!(await canCapture(t))) return;
  const mesh = await aSluice(t, { config: web(await threeReplicas(t)) });
  const peer = 'print(s.getpeername()[0], s.getpeername()[1])';
  assert.equal(await mesh.say(python(WEB, 80, peer)), `${WEB} 80\n`);
  assert.equal(await mesh.say(python(WEB6, 80, peer)), `${WEB6} 80\n`);
  assert.equal(await mesh.say(`curl -s -o /dev/null -w "%{remote_ip}" http://${WEB}/`), WEB);
});

for (const { family, ip, url } of [
  { family: 'IPv4', ip: '127.0.0.1', url: '127.0.0.1' },
  { family: 'IPv6', ip: '::1', url: '[::1]' },
]) {
  test(`without configuration a server on loopback is reached through the proxy: ${family}`, async (t) => {
    if (!(await canCapture(t))) return;
    const replica = await aReplica(t, 'plain', { ip: url });
    const mesh = await aSluice(t);
    assert.match(await mesh.say(`curl -sS --fail http://${replica.address}/`), /replica plain/);
    assert.equal(await mesh.counted('request_total', { target_addr: replica.address }), 1);
    const outbound = { direction: 'outbound', target_ip: ip };
    assert.equal(await mesh.counted('response_total', { ...outbound, status_code: '200' }), 1);
  });
}

test('bytes that are not HTTP pass unchanged, each half closed when its sender closes it', async (t) => {
  if (!(await canCapture(t))) return;
  const received: Buffer[] = [];
  // Answers only after the client's end, which therefore has to arrive.
  const { port } = await aServer(t, (socket) => {
    socket.on('data', (chunk: Buffer) => received.push(chunk));
    socket.on('end', () => socket.end(`got ${String(sum(received.map(({ length }) => length)))}`));
  });
  const mesh = await aSluice(t);
  const body = `s.sendall(bytes(range(256)) * 4096)
s.shutdown(socket.SHUT_WR)
print(s.recv(100).decode(), s.recv(100) == b"")`;
  assert.equal(await mesh.say(python('127.0.0.1', port, body)), 'got 1048576 True\n');
  assert.deepEqual(
    Buffer.concat(received),
    Buffer.concat(Array<Buffer>(4096).fill(Buffer.from([...Array(256).keys()]))),
  );
  await until(
    'the bytes are counted',
    async () =>
      (await mesh.counted('tcp_close_total', { direction: 'outbound', peer: 'src', errno: '' })) === 1,
  );
  assert.equal(await mesh.counted('tcp_read_bytes_total', { direction: 'outbound', peer: 'src' }), 1_048_576);
  assert.equal(
    await mesh.counted('tcp_write_bytes_total', { direction: 'outbound', peer: 'dst' }),
    1_048_576,
  );
  assert.equal(await mesh.counted('tcp_write_bytes_total', { direction: 'outbound', peer: 'src' }), 11);
});

test('a connection that nobody takes is refused, and the log says why', async (t) => {
  if (!(await canCapture(t))) return;
  const { server, port } = await aServer(t, () => undefined);
  server.close();
  const mesh = await aSluice(t);
  const { text } = await mesh.sh(python('127.0.0.1', port, 's.sendall(b"x\\n")\nprint(s.recv(1))'));
  assert.match(text, /ConnectionResetError/);
  const { fields } = await mesh.untilLogged(({ message }) => message === 'connection failed');
  assert.deepEqual(
    [fields?.['reason'], fields?.['endpoint']],
    ['connect_refused', `127.0.0.1:${String(port)}`],
  );
});

test('a server that speaks first is not kept waiting on a port declared opaque', async (t) => {
  if (!(await canCapture(t))) return;
  const { port } = await aServer(t, (socket) => socket.end('hello from the server\n'));
  const mesh = await aSluice(t, { config: `opaquePorts: [${String(port)}]\ntimeouts: { detect: 1h }\n` });
  assert.equal(
    await mesh.say(python('127.0.0.1', port, 'print(s.recv(100).decode().strip())')),
    'hello from the server\n',
  );
  assert.equal(await mesh.counted('sluice_detect_results_total'), 0);
});

test('skipped ports and networks are left alone, but not virtual addresses', async (t) => {
  if (!(await canCapture(t))) return;
  const peers: (string | undefined)[] = [];
  const { port } = await aServer(t, (socket) => {
    peers.push(`${socket.remoteAddress ?? ''}:${String(socket.remotePort)}`);
    socket.end();
  });
  const other = await aReplica(t, 'other', { ip: '127.8.8.8' });
  const replicas = await threeReplicas(t);
  const skip = `skip: { ports: [${String(port)}], networks: [127.8.0.0/16, 10.0.0.0/8] }\n`;
  const mesh = await aSluice(t, { config: web(replicas, skip) });
  const own = await mesh.say(python('127.0.0.1', port, 's.recv(1)\nprint("%s:%d" % s.getsockname())'));
  assert.deepEqual(peers, [own.trim()]);
  await mesh.say(`curl -sS --fail http://${other.address}/`);
  assert.equal(await mesh.counted('tcp_open_total', { direction: 'outbound' }), 0);
  assert.match(await mesh.say(`curl -sS --fail http://${WEB}/`), /replica [abc]/);
  assert.equal(await mesh.counted('request_total'), 1);
});

test('UDP is not touched', async (t) => {
  if (!(await canCapture(t))) return;
  const echo = createSocket('udp4', (message, from) => {
    echo.send(message, from.port, from.address);
  });
  t.after(() => void echo.close());
  await new Promise<void>((resolve) => echo.bind(0, '127.0.0.1', resolve));
  const mesh = await aSluice(t, {
    config: meshFile({ web: { addresses: ['127.0.0.1'], port: echo.address().port, endpoints: [] } }),
  });
  const answer = await mesh.say(`python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(10)
s.connect(("127.0.0.1", ${String(echo.address().port)}))
s.send(b"question")
print(s.recv(100).decode())'`);
  assert.equal(answer, 'question\n');
});

test('names of the mesh resolve in the command, and the hosts file of the host is untouched', async (t) => {
  if (!(await canCapture(t))) return;
  const before = await readFile('/etc/hosts', 'utf8');
  const mesh = await aSluice(t, {
    config: `services:\n  web:\n    names: [web.sluice-test]\n    addresses: [${WEB}]\n    ports: [80]\n    endpoints: []\n`,
  });
  assert.match(await mesh.say('getent ahostsv4 web.sluice-test'), /^10\.77\.0\.10 /);
  assert.ok((await mesh.say('cat /etc/hosts')).includes(before.trim()));
  assert.equal(await readFile('/etc/hosts', 'utf8'), before);
});

test('a service without endpoints answers 503 with its reason', async (t) => {
  if (!(await canCapture(t))) return;
  const mesh = await aSluice(t, { config: web([]) });
  assert.match(await mesh.say('curl -sS -i http://web/'), /^HTTP\/1\.1 503 [\s\S]*l5d-proxy-error: /);
  assert.equal(await mesh.counted('sluice_request_errors_total', { error: 'no_endpoints' }), 1);
});

test('a known name is balanced over all its addresses, whichever of them was dialled', async (t) => {
  if (!(await canCapture(t))) return;
  const first = await aReplica(t, 'first', { ip: '127.7.0.1' });
  const replicas = [first];
  for (const ip of ['127.7.0.2', '127.7.0.3']) replicas.push(await aReplica(t, ip, { ip, port: first.port }));
  const dns = new FakeDnsServer();
  const server = await dns.start();
  t.after(() => dns.stop());
  dns.set(
    'many.sluice-test',
    ['127.7.0.1', '127.7.0.2', '127.7.0.3'].map((ip) => ({ type: 'a', ttl: 60, ip })),
  );
  const mesh = await aSluice(t, { env: { SLUICE_DNS_SERVERS: server } });
  const authority = `many.sluice-test:${String(first.port)}`;
  const ask = `curl -sS --fail --resolve ${authority}:127.7.0.1 http://${authority}/`;
  // The first request asks for the name; the answer comes later and holds for the following ones.
  await until('all three are used', async () => {
    await mesh.say(ask);
    return (await counts(replicas)).every((count) => count > 0);
  });
  assert.ok(dns.questions.includes('many.sluice-test 1'));
  assert.ok((await mesh.counted('request_total', { authority, target_ip: '127.7.0.3' })) > 0);
});

test('a name whose answers do not have the dialled address changes nothing', async (t) => {
  if (!(await canCapture(t))) return;
  const replica = await aReplica(t, 'dialled', { ip: '127.7.0.1' });
  const dns = new FakeDnsServer();
  const server = await dns.start();
  t.after(() => dns.stop());
  dns.set('elsewhere.sluice-test', [{ type: 'a', ttl: 60, ip: '127.7.0.99' }]);
  const mesh = await aSluice(t, { env: { SLUICE_DNS_SERVERS: server } });
  const authority = `elsewhere.sluice-test:${String(replica.port)}`;
  const ask = `curl -sS --fail --resolve ${authority}:127.7.0.1 http://${authority}/`;
  assert.match(await mesh.say(ask), /replica dialled/);
  await until('the name was asked for', () => dns.questions.includes('elsewhere.sluice-test 1'));
  for (let count = 0; count < 20; count += 1) assert.match(await mesh.say(ask), /replica dialled/);
  assert.equal(await mesh.counted('sluice_dials_total', { target_ip: '127.7.0.99' }), 0);
});

for (const { family, ip, wanted } of [
  { family: 'IPv4', ip: '127.0.0.1', wanted: '127.0.0.6' },
  { family: 'IPv6', ip: '::1', wanted: '::1' },
]) {
  test(`connections of local clients to an inbound port go through the proxy: ${family}`, async (t) => {
    if (!(await canCapture(t))) return;
    const sources: (string | undefined)[] = [];
    const { port } = await aServer(
      t,
      (socket) => {
        sources.push(socket.remoteAddress);
        socket.once('data', () =>
          socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok'),
        );
      },
      ip,
    );
    const mesh = await aSluice(t, { options: ['--inbound', String(port)] });
    const answer = await fetch(`http://${ip === '::1' ? '[::1]' : ip}:${String(port)}/`);
    assert.equal(await answer.text(), 'ok');
    assert.deepEqual(sources, [wanted]);
    assert.equal(await mesh.counted('request_total', { direction: 'inbound', target_port: String(port) }), 1);
    assert.equal(await mesh.counted('response_total', { direction: 'inbound', status_code: '200' }), 1);
  });
}

test('sluice doctor says that capture is to be had', async (t) => {
  if (!(await canCapture(t))) return;
  const { code, stdout } = await sluice(['doctor']);
  assert.equal(code, 0);
  assert.match(stdout.toString(), /^rung 1: .*\n(?:(?:ok|note) .*\n)+$/);
});
