// Messages of HTTP/1: what the other side gets of heads, bodies, trailers and interim responses.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { aClient, aServer, eventually } from '../support/peer.js';
import { aProxy } from '../support/proxy-under-test.js';
import { aRawHttpServer, crlf, exchange, field, OK, readRequest, readResponse } from '../support/raw-http.js';
import { hashOf, seededBytes, sendMegabytes } from '../support/seeded-bytes.js';

const MIB = 1 << 20;

test('field names keep their case and fields their order, in both directions', async (t) => {
  const proxy = aProxy(t);
  const server = await aRawHttpServer(
    t,
    () =>
      'HTTP/1.1 200 Fine\nX-Zeta: 1\nsET-cookie: a=1\nX-alpha: \nSET-COOKIE: b=2\ncontent-LENGTH: 2\n\nok',
  );
  const client = await aClient(t, proxy.route({ to: [server.port] }).port);
  const response = await exchange(
    client,
    'POST / HTTP/1.1\nX-Last: z\nhOST: web\nx-b: 1\nX-A: 2\nX-B: 3\nCONTENT-length: 2\nAccept: \n\nhi',
  );
  assert.deepEqual(server.requests[0]?.fields, [
    ['X-Last', 'z'],
    ['hOST', 'web'],
    ['x-b', '1'],
    ['X-A', '2'],
    ['X-B', '3'],
    ['CONTENT-length', '2'],
    ['Accept', ''],
  ]);
  assert.equal(response.startLine, 'HTTP/1.1 200 Fine');
  assert.deepEqual(response.fields, [
    ['X-Zeta', '1'],
    ['sET-cookie', 'a=1'],
    ['X-alpha', ''],
    ['SET-COOKIE', 'b=2'],
    ['content-LENGTH', '2'],
  ]);
});

test('hop-by-hop fields stop at the proxy, in both directions', async (t) => {
  const proxy = aProxy(t);
  const server = await aRawHttpServer(
    t,
    () =>
      'HTTP/1.1 200 OK\nConnection: keep-alive, X-Hop\nX-Hop: 1\nKeep-Alive: timeout=5\nX-End: 2\nContent-Length: 0\n\n',
  );
  const client = await aClient(t, proxy.route({ to: [server.port] }).port);
  const response = await exchange(
    client,
    'GET / HTTP/1.1\nHost: web\nConnection: keep-alive, X-Secret\nX-Secret: 1\nKeep-Alive: 5\n' +
      'Proxy-Connection: keep-alive\nTE: gzip\nUpgrade: h2c\nHTTP2-Settings: AAMAAABk\nX-End: 2\n\n',
  );
  assert.deepEqual(server.requests[0]?.fields, [
    ['Host', 'web'],
    ['X-End', '2'],
  ]);
  assert.deepEqual(response.fields, [
    ['X-End', '2'],
    ['Content-Length', '0'],
  ]);
});

test('what a client may not say for the mesh does not reach the server', async (t) => {
  const proxy = aProxy(t);
  const server = await aRawHttpServer(
    t,
    () => 'HTTP/1.1 200 OK\nl5d-proxy-error: forged\nl5d-proxy-connection: close\nContent-Length: 0\n\n',
  );
  const client = await aClient(t, proxy.route({ to: [server.port] }).port);
  const response = await exchange(client, 'GET / HTTP/1.1\nHost: web\nl5d-client-id: forged\n\n');
  assert.deepEqual(server.requests[0]?.fields, [['Host', 'web']]);
  assert.deepEqual(response.fields, [['Content-Length', '0']]);
});

test('chunked bodies with trailers pass in both directions', async (t) => {
  const proxy = aProxy(t);
  const server = await aRawHttpServer(
    t,
    () =>
      'HTTP/1.1 200 OK\nTrailer: X-Sum\nTransfer-Encoding: chunked\n\n3\nabc\n2;ext=1\nde\n0\nX-Sum: 5\n\n',
  );
  const client = await aClient(t, proxy.route({ to: [server.port] }).port);
  const response = await exchange(
    client,
    'POST / HTTP/1.1\nHost: web\nTE: trailers\nTransfer-Encoding: chunked\n\n4\nwiki\n5\npedia\n0\nX-Check: ok\nX-More: 1\n\n',
  );
  const [request] = server.requests;
  assert.equal(request?.body.toString(), 'wikipedia');
  assert.deepEqual(request.trailers, [
    ['X-Check', 'ok'],
    ['X-More', '1'],
  ]);
  assert.equal(field(request, 'te'), 'trailers');
  assert.equal(response.body.toString(), 'abcde');
  assert.deepEqual(response.trailers, [['X-Sum', '5']]);
  assert.equal((await exchange(client, 'GET /next HTTP/1.1\nHost: web\n\n')).status, 200);
  assert.equal(server.accepted(), 1);
});

test('interim responses arrive before the final one', async (t) => {
  const proxy = aProxy(t);
  const server = await aRawHttpServer(
    t,
    () => `HTTP/1.1 102 Processing\n\nHTTP/1.1 103 Early Hints\nLink: </a.css>\n\n${OK}`,
  );
  const client = await aClient(t, proxy.route({ to: [server.port] }).port);
  await client.send(crlf('GET / HTTP/1.1\nHost: web\n\n'));
  assert.equal((await readResponse(client)).status, 102);
  const hints = await readResponse(client);
  assert.equal(hints.status, 103);
  assert.deepEqual(hints.fields, [['Link', '</a.css>']]);
  assert.equal((await readResponse(client)).status, 200);
});

test('Expect: 100-continue is answered by the server, which then gets the body', async (t) => {
  const proxy = aProxy(t);
  const server = await aServer(t, async (peer) => {
    assert.match(await peer.through('\r\n\r\n'), /^Expect: 100-continue\r$/im);
    await peer.send('HTTP/1.1 100 Continue\r\n\r\n');
    assert.equal((await peer.exactly(4)).toString(), 'body');
    await peer.send(crlf(OK));
  });
  const client = await aClient(t, proxy.route({ to: [server.port] }).port);
  await client.send(crlf('PUT / HTTP/1.1\nHost: web\nContent-Length: 4\nExpect: 100-continue\n\n'));
  assert.equal((await readResponse(client)).status, 100);
  await client.send('body');
  assert.equal((await readResponse(client)).status, 200);
});

test('a server that refuses an expected body is heard at once', async (t) => {
  const proxy = aProxy(t);
  const server = await aServer(t, async (peer) => {
    await peer.through('\r\n\r\n');
    await peer.send(crlf('HTTP/1.1 417 No\nContent-Length: 0\n\n'));
  });
  const client = await aClient(t, proxy.route({ to: [server.port] }).port);
  await client.send(crlf('PUT / HTTP/1.1\nHost: web\nContent-Length: 400\nExpect: 100-continue\n\n'));
  const response = await readResponse(client);
  assert.equal(response.status, 417);
  assert.equal(field(response, 'connection'), 'close', 'the body may still be on its way');
  assert.equal(await client.ending(), 'fin');
});

test('responses to HEAD, 204 and 304 have no body, whatever their fields say', async (t) => {
  const answers = new Map([
    ['/head', 'HTTP/1.1 200 OK\nContent-Length: 1000\n\n'],
    ['/204', 'HTTP/1.1 204 No Content\n\n'],
    ['/304', 'HTTP/1.1 304 Not Modified\nContent-Length: 1000\nETag: "a"\n\n'],
    ['/get', OK],
  ]);
  const proxy = aProxy(t);
  const server = await aRawHttpServer(t, ({ target }) => answers.get(target) ?? '');
  const client = await aClient(t, proxy.route({ to: [server.port] }).port);
  const head = await exchange(client, 'HEAD /head HTTP/1.1\nHost: web\n\n');
  assert.equal(field(head, 'content-length'), '1000');
  assert.equal((await exchange(client, 'GET /204 HTTP/1.1\nHost: web\n\n')).status, 204);
  const unmodified = await exchange(client, 'GET /304 HTTP/1.1\nHost: web\n\n');
  assert.equal(field(unmodified, 'content-length'), '1000');
  assert.equal((await exchange(client, 'GET /get HTTP/1.1\nHost: web\n\n')).body.toString(), 'ok');
  assert.equal(server.accepted(), 1);
});

test('each piece of a stream arrives before the next one is sent', async (t) => {
  const proxy = aProxy(t);
  const server = await aServer(t);
  const client = await aClient(t, proxy.route({ to: [server.port] }).port);
  await client.send(crlf('GET /events HTTP/1.1\nHost: web\nAccept: text/event-stream\n\n'));
  const endpoint = await server.connection();
  await readRequest(endpoint);
  await endpoint.send(
    crlf('HTTP/1.1 200 OK\nContent-Type: text/event-stream\nTransfer-Encoding: chunked\n\n'),
  );
  assert.match(await client.through('\r\n\r\n'), /200 OK/);
  for (let i = 0; i < 100; i += 1) {
    const event = `data: ${i}\n\n`;
    await endpoint.send(`${event.length.toString(16)}\r\n${event}\r\n`);
    assert.equal((await client.through('\n\n\r\n')).split('\r\n')[1], event);
  }
});

test('a request body is streamed: the server reads it while the client still sends', async (t) => {
  const proxy = aProxy(t);
  const server = await aServer(t);
  const client = await aClient(t, proxy.route({ to: [server.port] }).port);
  await client.send(crlf('POST / HTTP/1.1\nHost: web\nTransfer-Encoding: chunked\n\n'));
  const endpoint = await server.connection();
  await endpoint.through('\r\n\r\n');
  for (let i = 0; i < 50; i += 1) {
    await client.send(`3\r\n${String(i).padStart(3, '0')}\r\n`);
    assert.equal(await endpoint.through('\r\n'), '3\r\n');
    assert.equal(await endpoint.through('\r\n'), `${String(i).padStart(3, '0')}\r\n`);
  }
});

test('64 MB each way arrive byte for byte, at once', async (t) => {
  const megabytes = 64;
  const proxy = aProxy(t);
  const server = await aServer(t);
  const client = await aClient(t, proxy.route({ to: [server.port] }).port);
  await client.send(`POST /big HTTP/1.1\r\nHost: web\r\nContent-Length: ${megabytes * MIB}\r\n\r\n`);
  const uploaded = sendMegabytes(client, 1, megabytes);
  const endpoint = await server.connection();
  await endpoint.through('\r\n\r\n');
  const arrived = hashOf(endpoint, megabytes * MIB);
  await endpoint.send(`HTTP/1.1 200 OK\r\nContent-Length: ${megabytes * MIB}\r\n\r\n`);
  const downloaded = sendMegabytes(endpoint, 2000, megabytes - 1);
  await client.through('\r\n\r\n');
  const answered = hashOf(client, (megabytes - 1) * MIB);
  assert.equal(await arrived, await uploaded);
  assert.equal(await answered, await downloaded);
  // A response that is over before its request ends both connections.
  const last = seededBytes(3, MIB);
  await endpoint.send(last);
  assert.ok(last.equals(await client.exactly(MIB)));
  assert.equal((await exchangeNext(client, endpoint)).status, 200, 'both connections live on');
  assert.equal(server.accepted(), 1);
});

async function exchangeNext(
  client: Awaited<ReturnType<typeof aClient>>,
  endpoint: Awaited<ReturnType<typeof aClient>>,
): ReturnType<typeof readResponse> {
  await client.send('GET /next HTTP/1.1\r\nHost: web\r\n\r\n');
  await readRequest(endpoint);
  await endpoint.send(crlf(OK));
  return readResponse(client);
}

for (const framing of ['Content-Length: 67108864', 'Transfer-Encoding: chunked'] as const) {
  test(`a client that does not read its response costs bounded memory (${framing.split(':', 1)[0]})`, async (t) => {
    const connections = 8;
    const proxy = aProxy(t);
    const server = await aServer(t, async (peer) => {
      await peer.through('\r\n\r\n');
      peer.write(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n`);
      const piece = Buffer.alloc(MIB, 'x');
      const chunk = framing.startsWith('T')
        ? Buffer.concat([Buffer.from('100000\r\n'), piece, Buffer.from('\r\n')])
        : piece;
      for (let i = 0; i < 64; i += 1) await peer.send(chunk);
      if (framing.startsWith('T')) await peer.send('0\r\n\r\n');
    });
    const { port } = proxy.route({ to: [server.port] });
    const clients = await Promise.all(Array.from({ length: connections }, () => aClient(t, port)));
    for (const client of clients) await client.send('GET / HTTP/1.1\r\nHost: web\r\n\r\n');
    let moved = -1;
    let still = 0;
    await eventually(() => {
      const now = proxy.metric('tcp_read_bytes_total', { peer: 'dst' });
      still = now === moved && now > connections * MIB ? still + 1 : 0;
      moved = now;
      return still === 30;
    }, 'the response was never held back');
    assert.ok(moved < 64 * MIB * connections, 'the senders are held back');
    const held = Number(proxy.inspect().bufferBytes);
    assert.ok(held <= connections * 262_144, `${held} bytes are held for ${connections} connections`);
    const [first] = clients;
    assert.ok(first !== undefined);
    assert.equal((await readResponse(first)).body.length, 64 * MIB, 'and it all arrives once it is read');
  });
}
