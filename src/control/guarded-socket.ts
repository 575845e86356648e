// A socket under an HTTP/2 session of node, which keeps a connection open after it has complained of it
// (nghttp2 sends GOAWAY with an error code, and reads no more, not even the end of the connection). RFC
// 9113 §5.4.1 wants it closed then. So the frames that go out are followed, by their lengths only, and
// the connection is closed behind such a GOAWAY; the RPCs on it fail and can be asked anew.
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/** RFC 9113 §3.4, §4.1, §6.8. */
const PREFACE_BYTES = 24;
const HEADER_BYTES = 9;
const GOAWAY_TYPE = 7;
/** Last stream and error code. */
const GOAWAY_FIXED_BYTES = 8;

/** Looks for a GOAWAY with an error code in what a client sends, however it is cut. */
export class GoawayScanner {
  readonly #head = Buffer.alloc(HEADER_BYTES + GOAWAY_FIXED_BYTES);
  #have = 0;
  #skip = PREFACE_BYTES;

  /** The error code, once it was in `chunk` or before; undefined: there was none. */
  scan(chunk: Uint8Array): number | undefined {
    for (let at = 0; at < chunk.length;) {
      if (this.#skip > 0) {
        const passed = Math.min(this.#skip, chunk.length - at);
        this.#skip -= passed;
        at += passed;
        continue;
      }
      this.#head[this.#have] = chunk[at] ?? 0;
      this.#have += 1;
      at += 1;
      const code = this.#look();
      if (code !== undefined && code !== 0) return code;
    }
    return undefined;
  }

  /** The code of a GOAWAY whose fixed part is whole now. */
  #look(): number | undefined {
    if (this.#have < HEADER_BYTES) return undefined;
    const length = this.#head.readUIntBE(0, 3);
    if (this.#head[3] !== GOAWAY_TYPE) {
      this.#skip = length;
      this.#have = 0;
      return undefined;
    }
    if (this.#have < this.#head.length) return undefined;
    this.#skip = length - GOAWAY_FIXED_BYTES;
    this.#have = 0;
    return this.#head.readUInt32BE(HEADER_BYTES + 4);
  }
}

export class GuardedSocket extends Duplex {
  readonly #socket: Socket;
  readonly #scanner = new GoawayScanner();

  constructor(socket: Socket) {
    super();
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause();
    });
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const code = this.#scanner.scan(chunk);
    this.#socket.write(chunk, (error) => {
      done(error);
      if (code !== undefined) this.destroy(new Error(`the peer broke HTTP/2 (error code ${String(code)})`));
    });
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(() => {
      done();
    });
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}
