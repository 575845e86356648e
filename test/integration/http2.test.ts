// HTTP/2 through the proxy: node's client (nghttp2) against node's servers, HTTP/2 and HTTP/1.1.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';

import { EndpointProtocol, Protocol } from '../../src/dataplane/gen/contract_pb.js';
import { aProxy, type ProxyUnderTest } from '../support/proxy-under-test.js';
import { seededBytes } from '../support/seeded-bytes.js';

type Kind = 'HTTP/2' | 'HTTP/1.1';
/** node gives up a session that holds more; large bodies are held whole here. */
const MEGABYTES = 100;
const KINDS: readonly Kind[] = ['HTTP/2', 'HTTP/1.1'];

/** Echoes the body; with trailers when the client sends `te`. `/status/N` answers that status. */
function serve(
  request: http.IncomingMessage | http2.Http2ServerRequest,
  response: http.ServerResponse | http2.Http2ServerResponse,
): void {
  const status = /^\/status\/(\d+)$/.exec(request.url ?? '')?.[1];
  const answer = response as http.ServerResponse;
  answer.setHeader('x-host', request.headers.host ?? String(request.headers[':authority']));
  answer.setHeader('x-cookie', request.headers.cookie ?? '');
  if (status !== undefined) {
    answer.writeHead(Number(status)).end();
    return;
  }
  answer.writeHead(200, { trailer: 'x-bytes' });
  let bytes = 0;
  request.on('data', (part: Buffer) => {
    bytes += part.length;
    if (!answer.write(part)) {
      request.pause();
      answer.once('drain', () => request.resume());
    }
  });
  request.on('end', () => {
    answer.addTrailers({ 'x-bytes': String(bytes) });
    answer.end();
  });
}

async function aServer(t: TestContext, kind: Kind): Promise<number> {
  const server =
    kind === 'HTTP/2' ? http2.createServer({ maxSessionMemory: MEGABYTES }, serve) : http.createServer(serve);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    if ('closeAllConnections' in server) server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

async function aClient(
  t: TestContext,
  kind: Kind,
): Promise<{ session: http2.ClientHttp2Session; proxy: ProxyUnderTest; port: number }> {
  const proxy = aProxy(t);
  const { port } = proxy.route({
    to: [await aServer(t, kind)],
    protocol: Protocol.DETECT,
    target: kind === 'HTTP/2' ? {} : { endpointProtocol: EndpointProtocol.ENDPOINT_HTTP1 },
  });
  const session = http2.connect(`http://127.0.0.1:${port}`, { maxSessionMemory: MEGABYTES });
  t.after(() => {
    session.destroy();
  });
  await once(session, 'connect');
  return { session, proxy, port };
}

interface Seen {
  readonly headers: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader;
  readonly trailers: http2.IncomingHttpHeaders;
  readonly body: Buffer;
}

async function ask(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  body?: Buffer,
): Promise<Seen> {
  const stream = session.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  const seen: { headers?: Seen['headers']; trailers: http2.IncomingHttpHeaders } = { trailers: {} };
  stream.on('response', (one: Seen['headers']) => {
    seen.headers = one;
  });
  stream.on('trailers', (one: http2.IncomingHttpHeaders) => {
    seen.trailers = one;
  });
  const parts: Buffer[] = [];
  for await (const part of stream as AsyncIterable<Buffer>) parts.push(part);
  assert.ok(seen.headers !== undefined);
  return { headers: seen.headers, trailers: seen.trailers, body: Buffer.concat(parts) };
}

for (const kind of KINDS) {
  test(`to ${kind}: bodies of 0 B to 16 MiB are echoed byte for byte, with trailers`, async (t) => {
    const { session } = await aClient(t, kind);
    for (const size of [0, 1, 16_383, 65_536, 16 << 20]) {
      const sent = seededBytes(size + 7, size);
      const { headers, trailers, body } = await ask(session, { ':method': 'POST', ':path': '/' }, sent);
      assert.equal(headers[':status'], 200);
      assert.ok(sent.equals(body), `${size} bytes`);
      assert.equal(trailers['x-bytes'], String(size));
    }
  });

  test(`to ${kind}: authority, cookies and statuses survive`, async (t) => {
    const { session } = await aClient(t, kind);
    const { headers } = await ask(session, {
      ':path': '/status/204',
      ':authority': 'web.mesh:81',
      cookie: ['a=1', 'b=2'],
    });
    assert.equal(headers[':status'], 204);
    assert.equal(headers['x-host'], 'web.mesh:81');
    assert.equal(headers['x-cookie'], 'a=1; b=2');
    for (const status of [304, 404, 500]) {
      const answer = await ask(session, { ':path': `/status/${status}` });
      assert.equal(answer.headers[':status'], status);
    }
    const head = await ask(session, { ':method': 'HEAD', ':path': '/status/200' });
    assert.equal(head.headers[':status'], 200);
  });

  test(`to ${kind}: a thousand streams at once are all answered`, async (t) => {
    const { session, proxy } = await aClient(t, kind);
    const answers = await Promise.all(
      Array.from({ length: 1000 }, (_, n) =>
        ask(session, { ':method': 'POST', ':path': '/' }, Buffer.from(`body ${n}`)),
      ),
    );
    for (const [n, { body }] of answers.entries()) assert.equal(String(body), `body ${n}`);
    assert.equal(proxy.metric('request_total'), 1000);
  });

  test(`to ${kind}: a client that stops reading one stream does not hold up the others`, async (t) => {
    const { session, proxy } = await aClient(t, kind);
    const slow = session.request({ ':method': 'POST', ':path': '/' });
    slow.end(seededBytes(1, 8 << 20));
    slow.pause();
    await once(slow, 'response');
    for (let n = 0; n < 50; n += 1) {
      const { body } = await ask(session, { ':method': 'POST', ':path': '/' }, Buffer.from(`quick ${n}`));
      assert.equal(String(body), `quick ${n}`);
    }
    assert.ok(proxy.inspect().bufferBytes < 4n << 20n);
    let bytes = 0;
    for await (const part of slow as AsyncIterable<Buffer>) bytes += part.length;
    assert.equal(bytes, 8 << 20);
  });
}

test('HTTP/1 and HTTP/2 clients are served on one port', async (t) => {
  const proxy = aProxy(t);
  const server = http.createServer(serve);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = proxy.route({
    to: [(server.address() as AddressInfo).port],
    protocol: Protocol.DETECT,
    target: { endpointProtocol: EndpointProtocol.ENDPOINT_HTTP1 },
  });
  const session = http2.connect(`http://127.0.0.1:${port}`);
  t.after(() => {
    session.destroy();
  });
  assert.equal((await ask(session, { ':path': '/status/202' })).headers[':status'], 202);
  assert.equal((await fetch(`http://127.0.0.1:${port}/status/203`)).status, 203);
  assert.equal(proxy.metric('sluice_detect_results_total', { result: 'http/2' }), 1);
  assert.equal(proxy.metric('sluice_detect_results_total', { result: 'http/1' }), 1);
});
