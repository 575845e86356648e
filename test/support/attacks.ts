// What a hostile client does to a proxy, each as a function that resolves when the attack is over and
// rejects when the proxy took it otherwise than it should. Every connection is closed by then.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

import {
  anHttp2Client,
  block,
  data,
  END_HEADERS,
  END_STREAM,
  ErrorCode,
  frame,
  FrameType,
  get,
  type HeaderField,
  headerFrames,
  headers,
  type Http2Wire,
  indexed,
  literal,
  ping,
  priority,
  reset,
  settings,
  SETTINGS_INITIAL_WINDOW,
  windowUpdate,
} from './http2-frames.js';
import { aClient, type Peer } from './peer.js';

export interface Target {
  /** A listener for either protocol, with an endpoint that answers `/large` with a megabyte. */
  readonly port: number;
}

export type Attack = (t: TestContext, target: Target) => Promise<void>;

const BATCH = 100;
/** The proxy discards a megabyte before it resets: less leaves it the time to say why it closes. */
const MAX_FLOOD_BYTES = 900_000;
const UNREAD_BATCHES = 2_000;

/** Sends batches until the proxy has had enough; answers the code of its GOAWAY. */
async function flood(wire: Http2Wire, batch: (number: number) => Buffer): Promise<number | undefined> {
  const progress = { over: false };
  const ended = wire.goaway().finally(() => {
    progress.over = true;
  });
  // Awaited below; until then nobody listens.
  ended.catch(() => undefined);
  for (let i = 0, sent = 0; sent < MAX_FLOOD_BYTES && !progress.over; i += 1) {
    const bytes = batch(i);
    sent += bytes.length;
    wire.peer.write(bytes);
    // What the proxy has to say is read in between.
    await new Promise((resolve) => setImmediate(resolve));
  }
  try {
    return await ended;
  } finally {
    wire.peer.socket.destroy();
  }
}

const times = (count: number, make: (i: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));

const streamOf = (i: number): number => 2 * i + 1;

/** A flood that the proxy ends, with this code; `first` is sent once, before it. */
function calm(
  batch: (number: number) => Buffer,
  { first, code = ErrorCode.ENHANCE_YOUR_CALM }: { first?: Buffer; code?: number } = {},
): Attack {
  return async (t, { port }) => {
    const wire = await anHttp2Client(t, port);
    if (first !== undefined) wire.peer.write(first);
    assert.equal(await flood(wire, batch), code);
  };
}

const post = (more: readonly HeaderField[] = []): HeaderField[] =>
  get('/', more).map(([name, value]) => [name, name === ':method' ? 'POST' : value] as const);

/** A stream that is begun, and made to fail by `fault` (MadeYouReset): the proxy resets it, not the client. */
const madeReset = (
  fault: (stream: number) => Buffer,
  { fields = post(), code }: { fields?: readonly HeaderField[]; code?: number } = {},
): Attack =>
  calm(
    (batch) =>
      times(BATCH, (i) => {
        const stream = streamOf(batch * BATCH + i);
        return Buffer.concat([headers(stream, fields, 0), fault(stream)]);
      }),
    code === undefined ? {} : { code },
  );

/** A value that takes one byte to repeat, once it is remembered. */
const REMEMBERED: HeaderField = ['x-bomb', 'b'.repeat(3_900)];

const bomb = (): Buffer =>
  Buffer.concat([block(get('/')), literal(REMEMBERED, true), times(15_000, () => indexed(62))]);

const LARGE_FIELDS: readonly HeaderField[] = Array.from({ length: 300 }, (_, i) => [`x-${i}`, 'v'] as const);

export const HTTP2_FLOODS: Readonly<Record<string, Attack>> = {
  'rapid reset': calm((batch) =>
    times(BATCH, (i) => {
      const stream = streamOf(batch * BATCH + i);
      return Buffer.concat([headers(stream, get('/')), reset(stream, ErrorCode.CANCEL)]);
    }),
  ),
  // A stream's error by RFC 9113 §6.9; nghttp2 gives up the connection, which leaves nothing to repeat.
  'increments of 0': madeReset((stream) => windowUpdate(stream, 0), { code: ErrorCode.PROTOCOL_ERROR }),
  'resets that the proxy is made to send, by a window beyond its limit': madeReset((stream) =>
    windowUpdate(stream, 0x7fff_ffff),
  ),
  'resets that the proxy is made to send, by a wrong length': madeReset(
    (stream) => data(stream, 'too much'),
    { fields: post([['content-length', '1']]) },
  ),
  'a flood of PING': calm(() => times(BATCH, ping)),
  'a flood of SETTINGS': calm(() => times(BATCH, () => settings([[SETTINGS_INITIAL_WINDOW, 65_535]]))),
  'a flood of empty DATA': calm(() => times(BATCH, () => data(1, '')), { first: headers(1, post(), 0) }),
  'a flood of PRIORITY': calm(() => times(BATCH, (i) => priority(streamOf(i), 0))),
  'a flood of WINDOW_UPDATE': calm(() => times(BATCH, () => windowUpdate(0, 1))),
  'a flood of empty CONTINUATION': calm(() => times(BATCH, () => frame(FrameType.CONTINUATION, 0, 1)), {
    first: frame(FrameType.HEADERS, END_STREAM, 1, block(get('/'))),
  }),
  'a flood of CONTINUATION with fields': calm(
    () => times(2, (i) => frame(FrameType.CONTINUATION, 0, 1, literal([`x-${i}`, 'v'.repeat(8_000)]))),
    { first: frame(FrameType.HEADERS, END_STREAM, 1, block(get('/'))) },
  ),
  'a bomb in HPACK': calm((batch) => headerFrames(streamOf(batch), bomb())),
  'a flood of heads beyond the limit': calm((batch) =>
    times(5, (i) => headers(streamOf(5 * batch + i), get('/', LARGE_FIELDS))),
  ),
  'a flood of GOAWAY': calm(() => times(BATCH, () => frame(FrameType.GOAWAY, 0, 0, Buffer.alloc(8)))),
};

const STALLED_STREAMS = 100;
const STALLED_CONNECTIONS = 4;

function hangUp(peers: readonly Peer[]): void {
  for (const { socket } of peers) socket.destroy();
}

export const HTTP2_STALLS: Readonly<Record<string, Attack>> = {
  'windows that never open': async (t, { port }) => {
    const wires = [];
    for (let n = 0; n < STALLED_CONNECTIONS; n += 1) {
      const wire = await anHttp2Client(t, port, [[SETTINGS_INITIAL_WINDOW, 0]]);
      wires.push(wire);
      await wire.peer.send(times(STALLED_STREAMS, (i) => headers(streamOf(i), get('/large'))));
      // Heads have no window: all of them come.
      for (let heads = 0; heads < STALLED_STREAMS; heads += 1) {
        const head = await wire.first(({ type }) => type === FrameType.HEADERS);
        assert.ok(head !== undefined);
        assert.equal(head.flags & END_HEADERS, END_HEADERS);
      }
    }
    hangUp(wires.map(({ peer }) => peer));
  },
  'windows that open by a byte at a time': async (t, { port }) => {
    const wire = await anHttp2Client(t, port, [[SETTINGS_INITIAL_WINDOW, 0]]);
    await wire.peer.send(headers(1, get('/large')));
    for (let bytes = 0; bytes < 1_000; bytes += 1) {
      await wire.peer.send(windowUpdate(1, 1));
      const part = await wire.first(({ type, payload }) => type === FrameType.DATA && payload.length > 0);
      assert.equal(part?.payload.length, 1);
    }
    hangUp([wire.peer]);
  },
  'answers to PING that are never read': async (t, { port }) => {
    const wire = await anHttp2Client(t, port);
    for (let i = 0; i < UNREAD_BATCHES; i += 1) {
      try {
        await wire.peer.send(times(BATCH, ping));
      } catch {
        break;
      }
    }
    // Nobody reads what it says: the connection is over all the same.
    await wire.peer.ending();
  },
};

const SLOW_CLIENTS = 100;
const IDLE_CLIENTS = 500;

async function clients(t: TestContext, port: number, count: number): Promise<Peer[]> {
  return Promise.all(Array.from({ length: count }, () => aClient(t, port)));
}

export const SLOW_CLIENTS_ATTACKS: Readonly<Record<string, Attack>> = {
  'heads that come a byte at a time': async (t, { port }) => {
    const peers = await clients(t, port, SLOW_CLIENTS);
    const open = new Set(peers);
    const answers = peers.map(async (peer) => {
      const text = (await peer.toEnd()).toString();
      open.delete(peer);
      assert.match(text, /^HTTP\/1\.1 408 /);
    });
    const head = `GET / HTTP/1.1\r\nHost: web\r\nX: ${'x'.repeat(10_000)}`;
    for (let at = 0; open.size > 0 && at < head.length; at += 1) {
      for (const peer of open) peer.write(head.slice(at, at + 1));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await Promise.all(answers);
    hangUp(peers);
  },
  'bodies that come a byte at a time': async (t, { port }) => {
    const peers = await clients(t, port, SLOW_CLIENTS);
    for (const peer of peers) {
      await peer.send('POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 1000\r\n\r\n');
    }
    for (let bytes = 0; bytes < 50; bytes += 1) {
      for (const peer of peers) await peer.send('x');
    }
    hangUp(peers);
  },
  'responses that are never read': async (t, { port }) => {
    const peers = await clients(t, port, SLOW_CLIENTS);
    for (const peer of peers) {
      await peer.send('GET /large HTTP/1.1\r\nHost: web\r\n\r\n'.repeat(20));
      // It has begun; then nothing is read any more.
      await peer.exactly(1);
    }
    hangUp(peers);
  },
  'connections that say nothing': async (t, { port }) => {
    const peers = await clients(t, port, IDLE_CLIENTS);
    for (const peer of peers) await peer.send('GET / HTTP/1.1\r\nHost: web\r\n\r\n');
    // The proxy closes them when they have been idle for long enough.
    for (const peer of peers) assert.match((await peer.toEnd()).toString(), /^HTTP\/1\.1 200 /);
    hangUp(peers);
  },
  'half a preface, and then nothing': async (t, { port }) => {
    const peers = await clients(t, port, SLOW_CLIENTS);
    for (const peer of peers) await peer.send('PRI * HTTP/2.0\r\n\r\nSM');
    hangUp(peers);
  },
};
