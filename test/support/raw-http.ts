// HTTP/1 messages as they are on the wire, for tests that care about every byte: a reader that
// keeps names, order and trailers and refuses what is not exact, and a server made of it.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

import { aServer, type Peer, type TcpServer } from './peer.js';

export type FieldLine = readonly [name: string, value: string];

export interface Message {
  readonly startLine: string;
  readonly fields: readonly FieldLine[];
  readonly body: Buffer;
  readonly trailers: readonly FieldLine[];
}

export interface Request extends Message {
  readonly method: string;
  readonly target: string;
}

export interface Response extends Message {
  readonly status: number;
}

export function field(message: Message, name: string): string | undefined {
  const values = message.fields.filter(([each]) => each.toLowerCase() === name.toLowerCase());
  assert.ok(values.length < 2, `${name} twice: ${JSON.stringify(message.fields)}`);
  return values[0]?.[1];
}

function fieldLines(lines: readonly string[]): FieldLine[] {
  return lines.map((line) => {
    const [whole, name = '', value = ''] = /^([^\s:]+): (.*)$/.exec(line) ?? [];
    assert.ok(whole !== undefined, `not a field line: ${JSON.stringify(line)}`);
    return [name, value] as const;
  });
}

interface Head {
  readonly startLine: string;
  readonly fields: readonly FieldLine[];
}

async function readHead(peer: Peer): Promise<Head> {
  const text = await peer.through('\r\n\r\n');
  const [startLine = '', ...lines] = text.slice(0, -4).split('\r\n');
  return { startLine, fields: fieldLines(lines) };
}

async function readChunked(peer: Peer): Promise<{ body: Buffer; trailers: FieldLine[] }> {
  const chunks: Buffer[] = [];
  for (;;) {
    const size = (await peer.through('\r\n')).slice(0, -2);
    assert.match(size, /^[0-9a-f]+$/i, 'a chunk size');
    if (Number.parseInt(size, 16) === 0) break;
    chunks.push(await peer.exactly(Number.parseInt(size, 16)));
    assert.equal((await peer.exactly(2)).toString(), '\r\n');
  }
  const lines: string[] = [];
  for (;;) {
    const line = (await peer.through('\r\n')).slice(0, -2);
    if (line === '') break;
    lines.push(line);
  }
  return { body: Buffer.concat(chunks), trailers: fieldLines(lines) };
}

async function readBody(
  peer: Peer,
  head: Head,
  otherwise: 'none' | 'until close',
): Promise<{ body: Buffer; trailers: FieldLine[] }> {
  const message = { ...head, body: Buffer.alloc(0), trailers: [] };
  const length = field(message, 'content-length');
  const encoding = field(message, 'transfer-encoding');
  assert.ok(length === undefined || encoding === undefined, 'one framing per message');
  if (encoding !== undefined) {
    assert.equal(encoding, 'chunked');
    return readChunked(peer);
  }
  if (length !== undefined) return { body: await peer.exactly(Number(length)), trailers: [] };
  return { body: otherwise === 'none' ? Buffer.alloc(0) : await peer.toEnd(), trailers: [] };
}

/** The next request; undefined when the client closes before one begins. */
export async function readRequest(peer: Peer): Promise<Request | undefined> {
  const first = await peer.some(1);
  if (first.length === 0) return undefined;
  const head = await readHead(peer);
  const startLine = first.toString('latin1') + head.startLine;
  const [whole, method = '', target = ''] = /^(\S+) (\S+) HTTP\/1\.1$/.exec(startLine) ?? [];
  assert.ok(whole !== undefined, `not a request line: ${startLine}`);
  return { ...head, startLine, method, target, ...(await readBody(peer, head, 'none')) };
}

/** The next response to a request of this method; interim ones are returned too. */
export async function readResponse(peer: Peer, method = 'GET'): Promise<Response> {
  const head = await readHead(peer);
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head.startLine)?.[1]);
  assert.ok(status >= 100, `not a status line: ${head.startLine}`);
  const bodiless = method === 'HEAD' || status < 200 || status === 204 || status === 304;
  const rest = bodiless
    ? { body: Buffer.alloc(0), trailers: [] }
    : await readBody(peer, head, method === 'CONNECT' && status < 300 ? 'none' : 'until close');
  return { ...head, status, ...rest };
}

/** Sends a request and reads its response. `text` has `\n` for CR LF. */
export async function exchange(peer: Peer, text: string, method = text.split(' ', 1)[0]): Promise<Response> {
  await peer.send(crlf(text));
  return readResponse(peer, method);
}

/** Every line feed becomes CR LF: for heads that are easier to read without. */
export function crlf(text: string): string {
  return text.replaceAll('\n', '\r\n');
}

export interface RawHttpServer extends TcpServer {
  readonly requests: readonly Request[];
}

/**
 * An HTTP server that records what it gets. `answer` is sent as it is (`\n` for CR LF); after
 * one that says `Connection: close` the connection is closed.
 */
export async function aRawHttpServer(
  t: TestContext,
  answer: (request: Request, peer: Peer) => string | Promise<string> = () => OK,
  { mayBreakOff = false } = {},
): Promise<RawHttpServer> {
  const requests: Request[] = [];
  const server = await aServer(t, async (peer) => {
    for (;;) {
      const request = await nextRequest(peer, mayBreakOff);
      if (request === undefined) break;
      requests.push(request);
      const text = await answer(request, peer);
      await peer.send(crlf(text));
      if (/^connection: close$/im.test(text)) break;
    }
    peer.finish();
  });
  return { ...server, requests };
}

/**
 * A reset instead of a request ends a connection like a close: clients and tests may do that. One that
 * breaks off is a fault, unless the test sends such.
 */
async function nextRequest(peer: Peer, mayBreakOff: boolean): Promise<Request | undefined> {
  try {
    return await readRequest(peer);
  } catch (error) {
    const text = String(error);
    if (text.includes(': reset while waiting')) return undefined;
    if (mayBreakOff && /: ended (after|before)/.test(text)) return undefined;
    throw error;
  }
}

export const OK = 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok';
