// One pair of limits, 64 KiB and 256 fields, for heads and trailers of requests and responses in HTTP/1 and
// HTTP/2: what is within it passes whole, what is beyond it is refused with a status that says so.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';

import { EndpointProtocol, Protocol, Reason } from '../../src/dataplane/gen/contract_pb.js';
import {
  anHttp2Client,
  data,
  ErrorCode,
  FrameType,
  get,
  type HeaderField,
  headers,
} from '../support/http2-frames.js';
import { aClient } from '../support/peer.js';
import { aProxy, type ProxyUnderTest } from '../support/proxy-under-test.js';

const MAX_FIELDS = 256;
const MAX_BYTES = 65_536;
/** Room for what proxies, servers and the request line need themselves. */
const OWN_FIELDS = 16;
const OWN_BYTES = 1_024;

const manyFields = (count: number): HeaderField[] =>
  Array.from({ length: count }, (_, i) => [`x-${i}`, 'v'] as const);
const largeFields = (bytes: number): HeaderField[] =>
  Array.from({ length: 16 }, (_, i) => [`x-${i}`, 'v'.repeat(Math.floor(bytes / 16) - 40)] as const);

const WITHIN: Readonly<Record<string, readonly HeaderField[]>> = {
  fields: manyFields(MAX_FIELDS - OWN_FIELDS),
  bytes: largeFields(MAX_BYTES - OWN_BYTES),
};
const BEYOND: Readonly<Record<string, readonly HeaderField[]>> = {
  fields: manyFields(MAX_FIELDS + 1),
  bytes: largeFields(MAX_BYTES + 16 * 64),
};

interface Setup {
  readonly proxy: ProxyUnderTest;
  readonly port: number;
}

/** `/head` and `/trailers` answer with these fields there; else the number of fields that came. */
async function setUp(t: TestContext, fields: readonly HeaderField[] = []): Promise<Setup> {
  const answer = (url: string, response: ServerResponse): void => {
    if (url === '/trailers') response.setHeader('Trailer', 'x-0');
    if (url === '/head') for (const [name, value] of fields) response.setHeader(name, value);
    response.write('ok');
    if (url === '/trailers') response.addTrailers(Object.fromEntries(fields));
    response.end();
  };
  const server = createServer({ maxHeaderSize: 4 * MAX_BYTES }, (request, response) => {
    request.resume();
    request.on('end', () => {
      answer(request.url ?? '', response);
    });
  });
  server.maxHeadersCount = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const proxy = aProxy(t, { workers: 1 });
  const { port } = proxy.route({
    to: [(server.address() as AddressInfo).port],
    protocol: Protocol.DETECT,
    target: { endpointProtocol: EndpointProtocol.ENDPOINT_HTTP1 },
  });
  return { proxy, port };
}

const lines = (fields: readonly HeaderField[]): string =>
  fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');

/** The status of the answer in HTTP/1, and whether it was whole; `reset` when it was lost so. */
async function askHttp1(t: TestContext, port: number, text: string): Promise<string> {
  const client = await aClient(t, port);
  await client.send(text);
  const answer = await client.toEnd().then(String, (error: unknown) => {
    if (String(error).includes('reset while')) return client.heldText();
    throw error;
  });
  if (answer === '') return 'reset';
  const status = /^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 'none';
  const whole = !/transfer-encoding: chunked/i.test(answer) || /\r\n0\r\n(?:[^\r]+\r\n)*\r\n$/.test(answer);
  return whole ? status : `${status} cut off`;
}

/** The status of the answer in HTTP/2, or the code of its reset. */
async function askHttp2(t: TestContext, port: number, frames: readonly Buffer[]): Promise<string> {
  const client = await anHttp2Client(t, port);
  client.peer.write(Buffer.concat(frames));
  const head = await client.first(
    ({ type, stream }) => stream === 1 && (type === FrameType.HEADERS || type === FrameType.RST_STREAM),
  );
  assert.ok(head !== undefined);
  if (head.type === FrameType.RST_STREAM) return `reset ${head.payload.readUInt32BE(0)}`;
  // RFC 7541 §6.1, §6.2: ":status 200" is index 8; others are literals whose text shows.
  if (head.payload.includes(0x88)) {
    if ((head.flags & 1) !== 0) return '200';
    const code = await client.outcome(1);
    return code === undefined ? '200' : `200, reset ${code}`;
  }
  return head.payload.includes('431') || head.payload.includes(Buffer.from([0x64, 0x0b])) ? '431' : 'other';
}

const closing = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: web\r\nConnection: close\r\n`;

for (const [what, fields] of Object.entries(WITHIN)) {
  test(`${what} within the limit pass in heads and trailers, in both versions`, async (t) => {
    const { port } = await setUp(t, fields);
    assert.equal(await askHttp1(t, port, `${closing('/')}${lines(fields)}\r\n`), '200');
    assert.equal(await askHttp2(t, port, [headers(1, get('/', fields))]), '200');
    const post = closing('/').replace('GET', 'POST');
    const trailers = `${post}Transfer-Encoding: chunked\r\n\r\n0\r\n${lines(fields)}\r\n`;
    assert.equal(await askHttp1(t, port, trailers), '200');
    assert.equal(await askHttp2(t, port, [headers(1, get('/'), 0), data(1, 'x'), headers(1, fields)]), '200');
    for (const path of ['/head', '/trailers']) {
      assert.equal(await askHttp1(t, port, `${closing(path)}TE: trailers\r\n\r\n`), '200', path);
      assert.equal(await askHttp2(t, port, [headers(1, get(path))]), '200', path);
    }
  });
}

for (const [what, fields] of Object.entries(BEYOND)) {
  test(`too many ${what} of a request are refused with 431, in both versions`, async (t) => {
    const { proxy, port } = await setUp(t);
    assert.equal(await askHttp1(t, port, `${closing('/')}${lines(fields)}\r\n`), '431');
    assert.equal(await askHttp2(t, port, [headers(1, get('/', fields))]), '431');
    assert.equal(proxy.metric('sluice_request_errors_total', { error: 'request_head_too_large' }), 2);
    assert.equal(proxy.metric('request_total'), 0);
  });

  test(`too many ${what} of trailers of a request end it, in both versions`, async (t) => {
    const { port } = await setUp(t);
    const post = closing('/').replace('GET', 'POST');
    const trailers = `${post}Transfer-Encoding: chunked\r\n\r\n0\r\n${lines(fields)}\r\n`;
    assert.equal(await askHttp1(t, port, trailers), '431');
    assert.equal(
      await askHttp2(t, port, [headers(1, get('/'), 0), data(1, 'x'), headers(1, fields)]),
      `reset ${ErrorCode.ENHANCE_YOUR_CALM}`,
    );
  });

  test(`too many ${what} of a response are answered with 502, in both versions`, async (t) => {
    const { proxy, port } = await setUp(t, fields);
    assert.equal(await askHttp1(t, port, `${closing('/head')}\r\n`), '502');
    assert.equal((await proxy.failure(Reason.RESPONSE_HEAD_TOO_LARGE)).status, 502);
    const client = await anHttp2Client(t, port);
    client.peer.write(headers(1, get('/head')));
    assert.equal(await client.outcome(1), undefined);
    await proxy.metricBecomes('sluice_request_errors_total', { error: 'response_head_too_large' }, 2);
  });

  test(`too many ${what} of trailers of a response cut it off, in both versions`, async (t) => {
    const { port } = await setUp(t, fields);
    const http1 = await askHttp1(t, port, `${closing('/trailers')}TE: trailers\r\n\r\n`);
    assert.match(http1, /cut off|reset/);
    assert.match(await askHttp2(t, port, [headers(1, get('/trailers'))]), /reset /);
  });
}
