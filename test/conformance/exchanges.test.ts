// One suite for all four combinations of what the client and what the endpoint speaks, through the data
// plane built with sanitizers: whatever HTTP promises an exchange must hold whatever it is translated to.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { type TestContext, test } from 'node:test';

import {
  aClient,
  aServer,
  type Client,
  type ClientSide,
  type ServerSide,
  STREAMS,
  type TestServer,
  type Version,
} from '../support/http-ends.js';
import { within } from '../support/processes.js';
import { aSanitizedDataPlane } from '../support/sanitized-dataplane.js';
import { seededBytes } from '../support/seeded-bytes.js';

const VERSIONS: readonly Version[] = ['HTTP/1.1', 'HTTP/2'];
/** Sanitizers and a busy machine are slow; only a failure takes this long. */
const LIMIT_MS = 60_000;
const PIECE = 65_536;

const patiently = <T>(promise: Promise<T>, what: string): Promise<T> => within(promise, LIMIT_MS, () => what);

async function write(to: Writable, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; at += PIECE) {
    if (to.destroyed) return;
    // A stream that was cut is not drained any more.
    if (!to.write(bytes.subarray(at, at + PIECE))) await Promise.race([once(to, 'drain'), once(to, 'close')]);
  }
}

async function hashOf(from: Readable): Promise<string> {
  const hash = createHash('sha1');
  for await (const part of from as AsyncIterable<Buffer>) hash.update(part);
  return hash.digest('hex');
}

async function contentOf(from: Readable): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of from as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts);
}

const sha1 = (bytes: Buffer): string => createHash('sha1').update(bytes).digest('hex');

/** Sends the body back as it comes, then how many bytes it were as a trailer. */
function echo(exchange: ServerSide): void {
  exchange.head(200, { trailer: 'x-bytes, x-echo' });
  let bytes = 0;
  exchange.body.on('data', (part: Buffer) => {
    bytes += part.length;
    if (exchange.response.write(part)) return;
    exchange.body.pause();
    exchange.response.once('drain', () => exchange.body.resume());
  });
  exchange.body.on('end', () => {
    exchange.end({ 'x-bytes': String(bytes), 'x-echo': String(exchange.trailers()['x-sent'] ?? '') });
  });
}

interface Scene {
  readonly client: Client;
  readonly server: TestServer;
}

async function aScene(
  t: TestContext,
  [from, to]: readonly [Version, Version],
  serve: (exchange: ServerSide) => void = echo,
): Promise<Scene> {
  const server = await aServer(t, to, serve);
  const spoken = to === 'HTTP/2' ? 'ENDPOINT_HTTP2' : 'ENDPOINT_HTTP1';
  const port = await aSanitizedDataPlane(t, [server.port], spoken);
  return { client: aClient(t, from, port), server };
}

/** A whole exchange with the echo; fails when anything of it is not as it should be. */
async function exchangeWholly(client: Client, size: number, fields: Record<string, string>): Promise<void> {
  const sent = seededBytes(size + 7, size);
  const exchange = client.send({ headers: fields, trailers: { 'x-sent': 'yes' } });
  const writing = write(exchange.request, sent).then(() => exchange.request.end());
  const { status } = await patiently(exchange.head, 'a head');
  assert.equal(status, 200);
  const received = await patiently(hashOf(await exchange.body()), `a body of ${String(size)} bytes`);
  await writing;
  assert.equal(received, sha1(sent), `${String(size)} bytes`);
  assert.equal(exchange.trailers()['x-bytes'], String(size));
}

for (const from of VERSIONS) {
  for (const to of VERSIONS) {
    const both = [from, to] as const;
    const name = `${from} to ${to}`;

    test(`${name}: bodies of 0 B to 64 MiB pass byte for byte both ways at once`, async (t) => {
      const { client } = await aScene(t, both);
      for (const size of [0, 1, 16_383, 16_384, 65_535, 1 << 20, 64 << 20]) {
        await exchangeWholly(client, size, {});
      }
    });

    test(`${name}: a body with its length keeps it, and one without is whole all the same`, async (t) => {
      const lengths: (string | undefined)[] = [];
      const { client } = await aScene(t, both, (exchange) => {
        lengths.push(exchange.headers['content-length']);
        exchange.body.resume();
        exchange.body.on('end', () => {
          exchange.head(200, { 'content-length': '5' });
          exchange.response.end('hello');
        });
      });
      for (const fields of [{ 'content-length': '9' }, {}]) {
        const exchange = client.send({ headers: fields });
        exchange.request.write('some ');
        exchange.request.end('body');
        const { headers } = await patiently(exchange.head, 'a head');
        assert.equal(headers['content-length'], '5');
        assert.equal((await contentOf(await exchange.body())).toString(), 'hello');
      }
      assert.deepEqual(lengths, ['9', undefined]);
    });

    test(`${name}: trailers pass both ways`, async (t) => {
      const { client } = await aScene(t, both);
      const exchange = client.send({ trailers: { 'x-sent': 'at the end' }, headers: { trailer: 'x-sent' } });
      exchange.request.end('body');
      assert.equal((await contentOf(await exchange.body())).toString(), 'body');
      assert.equal(exchange.trailers()['x-bytes'], '4');
      assert.equal(exchange.trailers()['x-echo'], 'at the end');
    });

    test(`${name}: HEAD, 204 and 304 have no body and leave the connection usable`, async (t) => {
      const { client } = await aScene(t, both, (exchange) => {
        exchange.body.resume();
        const status = Number(exchange.path.slice(1));
        exchange.head(status, status === 200 ? { 'content-length': '1234' } : { etag: '"a"' });
        exchange.end();
      });
      const asked = [
        ['HEAD', '/200', 200],
        ['GET', '/204', 204],
        ['GET', '/304', 304],
      ] as const;
      for (const [method, path, wanted] of [...asked, ...asked]) {
        const exchange = client.send({ method, path, hasBody: false });
        const { status, headers } = await patiently(exchange.head, path);
        assert.equal(status, wanted);
        if (method === 'HEAD') assert.equal(headers['content-length'], '1234');
        assert.equal((await contentOf(await exchange.body())).length, 0);
      }
    });

    test(`${name}: an exchange cut by either side at any point is seen to be cut by the other`, async (t) => {
      const size = 256 * 1024;
      const sent = seededBytes(1, size);
      const endings = new Map<string, Promise<void>>();
      const { client } = await aScene(t, both, (exchange) => {
        const [, who, when, atText] = exchange.path.split('/');
        const at = Number(atText);
        const reset = who === 'server';
        endings.set(exchange.path, exchange.whole);
        if (reset && when === 'before') {
          exchange.reset();
          return;
        }
        if (when === 'request') {
          let bytes = 0;
          exchange.body.on('data', (part: Buffer) => {
            bytes += part.length;
            if (reset && bytes >= at) exchange.reset();
          });
          return;
        }
        exchange.body.resume();
        exchange.head(200);
        // Not ended: node does not tell a server whose response is whole that its request was cut.
        exchange.response.write(sent.subarray(0, reset ? at : size), () => {
          if (reset) exchange.reset();
        });
      });
      let seed = 7;
      const drawn = (): number => {
        seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
        return 1 + (seed % (size - 1));
      };
      for (let round = 0; round < 12; round += 1) {
        for (const [who, when] of [
          ['server', 'before'],
          ['server', 'request'],
          ['server', 'response'],
          ['client', 'request'],
          ['client', 'response'],
        ] as const) {
          const at = drawn();
          const path = `/${who}/${when}/${String(at)}/${String(round)}`;
          const exchange = client.send({ path });
          exchange.request.on('error', () => undefined);
          if (who === 'client') await cutByClient(exchange, when, at, sent, () => endings.get(path));
          else await cutByServer(exchange, at, sent, path);
        }
      }
    });

    test(`${name}: who does not read does not hold up the others, and loses nothing`, async (t) => {
      const size = 8 << 20;
      const large = seededBytes(3, size);
      const { client } = await aScene(t, both, (exchange) => {
        if (exchange.path !== '/large') {
          echo(exchange);
          return;
        }
        exchange.head(200);
        void write(exchange.response, large).then(() => {
          exchange.end();
        });
      });
      const slow = client.send({ path: '/large', method: 'GET', hasBody: false });
      await patiently(slow.head, 'the head of the large response');
      const body = await slow.body();
      body.pause();
      for (let i = 0; i < 20; i += 1) await exchangeWholly(client, 100_000, {});
      assert.equal(await patiently(hashOf(body), 'the large response'), sha1(large));
    });

    test(`${name}: a server that does not read does not hold up the others, and misses nothing`, async (t) => {
      const size = 8 << 20;
      const large = seededBytes(4, size);
      const waiting: ServerSide[] = [];
      const { client } = await aScene(t, both, (exchange) => {
        if (exchange.path === '/slow') waiting.push(exchange);
        else echo(exchange);
      });
      const slow = client.send({ path: '/slow' });
      const writing = write(slow.request, large).then(() => slow.request.end());
      for (let i = 0; i < 20; i += 1) await exchangeWholly(client, 100_000, {});
      const [exchange] = waiting;
      assert.ok(exchange !== undefined);
      const received = patiently(hashOf(exchange.body), 'the large request');
      await writing;
      assert.equal(await received, sha1(large));
      exchange.head(200);
      exchange.end();
      assert.equal((await patiently(slow.head, 'the answer')).status, 200);
    });

    test(`${name}: ${String(STREAMS)} exchanges at once each get their own answer`, async (t) => {
      const arrived: ServerSide[] = [];
      const { client } = await aScene(t, both, (exchange) => {
        arrived.push(exchange);
        if (arrived.length < STREAMS) return;
        // All are there at the same time; only now is anybody answered.
        for (const one of arrived) {
          one.head(200);
          one.response.end(one.path);
        }
      });
      const answers = await patiently(
        Promise.all(
          Array.from({ length: STREAMS }, async (_, i) => {
            const exchange = client.send({ path: `/${String(i)}`, method: 'GET', hasBody: false });
            assert.equal((await exchange.head).status, 200);
            return (await contentOf(await exchange.body())).toString();
          }),
        ),
        `all answers; ${String(arrived.length)} requests arrived`,
      );
      assert.deepEqual(
        answers,
        answers.map((_, i) => `/${String(i)}`),
      );
    });

    test(`${name}: when an endpoint leaves, what is under way finishes and nothing new fails`, async (t) => {
      const held: ServerSide[] = [];
      const { client, server } = await aScene(t, both, (exchange) => {
        if (exchange.path === '/held') {
          exchange.head(200);
          held.push(exchange);
        } else echo(exchange);
      });
      const underWay = Array.from({ length: 10 }, () =>
        client.send({ path: '/held', method: 'GET', hasBody: false }),
      );
      for (const one of underWay) await patiently(one.head, 'the heads of what is held');
      server.leave();
      for (let i = 0; i < 20; i += 1) await exchangeWholly(client, 10_000, {});
      for (const exchange of held) exchange.response.end('done');
      for (const one of underWay) {
        assert.equal((await patiently(contentOf(await one.body()), 'the rest')).toString(), 'done');
      }
    });
  }
}

async function cutByClient(
  exchange: ClientSide,
  when: 'before' | 'request' | 'response',
  at: number,
  sent: Buffer,
  ending: () => Promise<void> | undefined,
): Promise<void> {
  if (when === 'response') {
    exchange.request.write('begun');
    const body = await patiently(exchange.body(), 'a head');
    let bytes = 0;
    for await (const part of body as AsyncIterable<Buffer>) {
      bytes += part.length;
      if (bytes >= at) break;
    }
    exchange.reset();
  } else {
    await write(exchange.request, sent.subarray(0, at));
    while (ending() === undefined) await new Promise((resolve) => setImmediate(resolve));
    exchange.reset();
  }
  // Its request must not look complete to the server.
  await assert.rejects(patiently(ending() ?? Promise.resolve(), 'the end at the server'));
}

async function cutByServer(exchange: ClientSide, at: number, sent: Buffer, path: string): Promise<void> {
  const writing = write(exchange.request, sent)
    .then(() => exchange.request.end())
    .catch(() => undefined);
  const head = await patiently(
    exchange.head.then(
      (known) => known,
      () => undefined,
    ),
    `the end of ${path}`,
  );
  if (head !== undefined && head.status !== 200) {
    // Nothing of a response had been there: the proxy says so in its own words.
    assert.equal(head.status, 502, path);
    (await exchange.body()).resume();
  } else if (head !== undefined) {
    const received: Buffer[] = [];
    const body = await exchange.body();
    await assert.rejects(
      patiently(
        (async () => {
          for await (const part of body as AsyncIterable<Buffer>) received.push(part);
        })(),
        `the end of the body of ${path}`,
      ),
      path,
    );
    const bytes = Buffer.concat(received);
    assert.ok(bytes.equals(sent.subarray(0, bytes.length)) && bytes.length <= at, path);
  }
  exchange.reset();
  await patiently(writing, `the request of ${path} to end`);
}
