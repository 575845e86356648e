// HTTP/2 by hand, right or wrong as a test wants it (RFC 9113 §4.1, RFC 7541 without Huffman): frames to
// send, and a connection that reads frames without caring what they mean.
import { aClient, type Peer } from './peer.js';
import type { TestContext } from 'node:test';

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export const FrameType = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;
export const END_STREAM = 0x1;
export const ACK = 0x1;
export const END_HEADERS = 0x4;

export const ErrorCode = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  FLOW_CONTROL_ERROR: 0x3,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  ENHANCE_YOUR_CALM: 0xb,
} as const;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array | string = '',
): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
  const bytes = Buffer.alloc(9 + body.length);
  bytes.writeUIntBE(body.length, 0, 3);
  bytes.writeUInt8(type, 3);
  bytes.writeUInt8(flags, 4);
  bytes.writeUInt32BE(stream, 5);
  bytes.set(body, 9);
  return bytes;
}

function number32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function settings(entries: readonly (readonly [id: number, value: number])[] = []): Buffer {
  const payload = Buffer.alloc(6 * entries.length);
  entries.forEach(([id, value], i) => {
    payload.writeUInt16BE(id, 6 * i);
    payload.writeUInt32BE(value, 6 * i + 2);
  });
  return frame(FrameType.SETTINGS, 0, 0, payload);
}
export const SETTINGS_INITIAL_WINDOW = 4;

export const settingsAck = (): Buffer => frame(FrameType.SETTINGS, ACK, 0);
export const ping = (): Buffer => frame(FrameType.PING, 0, 0, '12345678');
export const reset = (stream: number, code: number): Buffer =>
  frame(FrameType.RST_STREAM, 0, stream, number32(code));
export const windowUpdate = (stream: number, bytes: number): Buffer =>
  frame(FrameType.WINDOW_UPDATE, 0, stream, number32(bytes));
export const priority = (stream: number, dependsOn: number): Buffer =>
  frame(FrameType.PRIORITY, 0, stream, Buffer.concat([number32(dependsOn), Buffer.from([16])]));
export const data = (stream: number, bytes: Uint8Array | string, flags = 0): Buffer =>
  frame(FrameType.DATA, flags, stream, bytes);

/** RFC 7541 §5.1. */
function prefixed(first: number, prefixBits: number, value: number): Buffer {
  const most = (1 << prefixBits) - 1;
  if (value < most) return Buffer.from([first | value]);
  const bytes = [first | most];
  let left = value - most;
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push(0x80 | (left % 128));
  return Buffer.from([...bytes, left]);
}

export type HeaderField = readonly [name: string, value: string];

/** RFC 7541 §6.2.2, or §6.2.1 when the decoder shall remember it. */
export function literal([name, value]: HeaderField, remembered = false): Buffer {
  const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
  return Buffer.concat([
    Buffer.from([remembered ? 0x40 : 0x00]),
    prefixed(0, 7, bytes(name).length),
    bytes(name),
    prefixed(0, 7, bytes(value).length),
    bytes(value),
  ]);
}

/** RFC 7541 §6.1; 62 is what was remembered last. */
export const indexed = (index: number): Buffer => prefixed(0x80, 7, index);

export const block = (fields: readonly HeaderField[]): Buffer =>
  Buffer.concat(fields.map((each) => literal(each)));

/** One HEADERS frame, and CONTINUATION frames as RFC 9113 §4.2's smallest limit needs them. */
export function headers(stream: number, fields: readonly HeaderField[], flags = END_STREAM): Buffer {
  return headerFrames(stream, block(fields), flags);
}

const MAX_FRAME = 16_384;

export function headerFrames(stream: number, bytes: Buffer, flags = END_STREAM): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += MAX_FRAME) {
    const last = at + MAX_FRAME >= bytes.length ? END_HEADERS : 0;
    const part = bytes.subarray(at, at + MAX_FRAME);
    frames.push(
      at === 0
        ? frame(FrameType.HEADERS, flags | last, stream, part)
        : frame(FrameType.CONTINUATION, last, stream, part),
    );
  }
  return Buffer.concat(frames);
}

export function get(path: string, more: readonly HeaderField[] = []): HeaderField[] {
  return [[':method', 'GET'], [':scheme', 'http'], [':path', path], [':authority', 'web'], ...more];
}

/** A client that has sent the preface, and these settings. */
export async function anHttp2Client(
  t: TestContext,
  port: number,
  own: readonly (readonly [id: number, value: number])[] = [],
): Promise<Http2Wire> {
  const peer = await aClient(t, port);
  const wire = new Http2Wire(peer);
  peer.write(Buffer.concat([PREFACE, settings(own)]));
  return wire;
}

export class Http2Wire {
  readonly peer: Peer;

  constructor(peer: Peer) {
    this.peer = peer;
  }

  /** The next frame; undefined when the other side has closed. */
  async next(): Promise<Frame | undefined> {
    const first = await this.peer.some(1);
    if (first.length === 0) return undefined;
    const header = Buffer.concat([first, await this.peer.exactly(8)]);
    const payload = await this.peer.exactly(header.readUIntBE(0, 3));
    return {
      type: header.readUInt8(3),
      flags: header.readUInt8(4),
      stream: header.readUInt32BE(5),
      payload,
    };
  }

  /** The first frame that is asked for; those before it are dropped. */
  async first(isIt: (frame: Frame) => boolean): Promise<Frame | undefined> {
    for (;;) {
      const one = await this.next();
      if (one === undefined || isIt(one)) return one;
    }
  }

  /** How a stream went: the code of its reset, or undefined when it was answered to its end. */
  async outcome(stream: number): Promise<number | undefined> {
    const last = await this.first(
      ({ type, flags, stream: of }) =>
        type === FrameType.GOAWAY ||
        (of === stream &&
          (type === FrameType.RST_STREAM ||
            ((type === FrameType.HEADERS || type === FrameType.DATA) && (flags & END_STREAM) !== 0))),
    );
    if (last === undefined) throw new Error(`closed without an answer on stream ${stream}`);
    if (last.type === FrameType.GOAWAY) return last.payload.readUInt32BE(4);
    return last.type === FrameType.RST_STREAM ? last.payload.readUInt32BE(0) : undefined;
  }

  /** The error code of the GOAWAY behind which the connection ends; undefined when it ends without. */
  async goaway(): Promise<number | undefined> {
    let bytes: Buffer;
    try {
      bytes = await this.peer.toEnd();
    } catch (error) {
      // What it had not read turns its close into a reset: the GOAWAY may have come before.
      if (!(error instanceof Error && error.message.startsWith('reset while waiting'))) throw error;
      bytes = Buffer.from(this.peer.heldText(), 'latin1');
    }
    let code: number | undefined;
    for (let at = 0; at + 17 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
      if (bytes.readUInt8(at + 3) === FrameType.GOAWAY) code = bytes.readUInt32BE(at + 13);
    }
    return code;
  }
}
