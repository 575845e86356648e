// One end of a TCP connection in a test: reads only what is asked for, tells FIN and reset apart,
// and bounds every wait. Half-open connections stay open until the test ends them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

/** Generous: only a failure takes this long. */
export const LIMIT_MS = 20_000;

export type Ending = 'fin' | 'reset';

export class Peer {
  readonly socket: Socket;
  /** When its connection was there, in the milliseconds of `performance.now`. */
  readonly since = performance.now();
  #held: Buffer[] = [];
  #heldBytes = 0;
  #ended = false;
  #lost = false;
  #localPort = 0;
  readonly #waiting = new Set<() => void>();

  /** Reads nothing before it is asked to. */
  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.pause();
    this.#localPort = socket.localPort ?? 0;
    socket.on('connect', () => {
      this.#localPort = socket.localPort ?? 0;
    });
    socket.on('data', (chunk: Buffer) => {
      this.#held.push(chunk);
      this.#heldBytes += chunk.length;
      this.#wake();
    });
    socket.on('end', () => {
      this.#ended = true;
      this.#wake();
    });
    socket.on('error', () => {
      this.#lost = true;
      this.#wake();
    });
    socket.on('close', () => {
      this.#lost ||= !this.#ended;
      this.#wake();
    });
  }

  /** Resolves when the kernel has taken everything; rejects when the connection is gone. */
  async send(bytes: string | Uint8Array): Promise<void> {
    await within(
      new Promise<void>((resolve, reject) => {
        this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes, (error) => {
          if (error) reject(error);
          else resolve();
        });
      }),
      'the other side took no more bytes',
    );
  }

  /** Sends without waiting. */
  write(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  finish(): void {
    this.socket.end();
  }

  reset(): void {
    // Node cannot reset what it is shutting down; it would keep the socket and spin.
    if (this.socket.writableEnded) this.socket.destroy();
    else this.socket.resetAndDestroy();
  }

  /** Known also after the end, unlike the socket's. */
  get localPort(): number {
    return this.#localPort;
  }

  /** Between 1 and `most` bytes; nothing at FIN. Rejects when the connection is reset. */
  async some(most = Infinity): Promise<Buffer> {
    await this.#until(() => this.#heldBytes > 0 || this.#ended, 'more bytes or the end');
    const first = this.#held[0];
    if (first === undefined) return Buffer.alloc(0);
    return this.#take(Math.min(first.length, most));
  }

  async exactly(count: number): Promise<Buffer> {
    await this.#until(() => this.#heldBytes >= count || this.#ended, `${String(count)} bytes`);
    assert.ok(this.#heldBytes >= count, `ended after ${this.#heldBytes} of ${count} bytes`);
    return this.#take(count);
  }

  /** Everything up to and including `marker`. */
  async through(marker: string): Promise<string> {
    let at = -1;
    await this.#until(() => {
      this.#held = [Buffer.concat(this.#held)];
      at = this.#held[0]?.indexOf(marker, 0, 'latin1') ?? -1;
      return at >= 0 || this.#ended;
    }, JSON.stringify(marker));
    assert.ok(at >= 0, `ended before ${JSON.stringify(marker)}: ${JSON.stringify(this.heldText())}`);
    return this.#take(at + marker.length).toString('latin1');
  }

  /** Everything up to FIN. */
  async toEnd(): Promise<Buffer> {
    await this.#until(() => this.#ended, 'the end');
    return this.#take(this.#heldBytes);
  }

  /** How the other side ended; what it sent before is dropped. */
  async ending(): Promise<Ending> {
    while (!this.#ended && !this.#lost) {
      this.socket.resume();
      await this.#change('the other side to end');
    }
    return this.#lost ? 'reset' : 'fin';
  }

  /** True once FIN was read. Does not read. */
  get sawFin(): boolean {
    return this.#ended;
  }

  heldText(): string {
    return Buffer.concat(this.#held).toString('latin1');
  }

  async #until(met: () => boolean, what: string): Promise<void> {
    while (!met()) {
      if (this.#lost)
        throw new Error(`reset while waiting for ${what}; held ${this.heldText().slice(0, 500)}`);
      this.socket.resume();
      await this.#change(what);
    }
    this.socket.pause();
  }

  async #change(what: string): Promise<void> {
    await within(
      new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      }),
      () => `nothing came while waiting for ${what}; held ${this.heldText().slice(0, 500)}`,
    );
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  #take(count: number): Buffer {
    const parts: Buffer[] = [];
    let left = count;
    while (left > 0) {
      const first = this.#held[0];
      assert.ok(first !== undefined);
      if (first.length <= left) {
        this.#held.shift();
        parts.push(first);
        left -= first.length;
      } else {
        this.#held[0] = first.subarray(left);
        parts.push(first.subarray(0, left));
        left = 0;
      }
    }
    this.#heldBytes -= count;
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
  }
}

/** The value, or an error that says what did not come. */
export async function within<T>(
  value: Promise<T>,
  what: string | (() => string),
  limitMs = LIMIT_MS,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(typeof what === 'string' ? what : what()));
    }, limitMs);
  });
  try {
    return await Promise.race([value, limit]);
  } finally {
    clearTimeout(timer);
  }
}

/** Until `met` holds: for what nobody announces, such as counters of other threads. */
export async function eventually(
  met: () => boolean,
  what: string | (() => string),
  limitMs = LIMIT_MS,
): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!met()) {
    if (performance.now() > deadline) throw new Error(typeof what === 'string' ? what : what());
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}

/** A connection of the test to a port of loopback; destroyed when the test ends. */
export async function aClient(t: TestContext, port: number): Promise<Peer> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  t.after(() => socket.destroy());
  const peer = new Peer(socket);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    // A connection that was accepted may be reset before node tells that it was there.
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET') resolve();
      else reject(error);
    });
  });
  return peer;
}

export interface TcpServer {
  readonly port: number;
  /** Connections accepted so far. */
  accepted(): number;
  /** The next connection that nobody has asked for yet. */
  connection(): Promise<Peer>;
  /** No further connections: they are refused. Accepted ones live on. */
  stop(): void;
  /** As if its process was killed: no listener, every connection reset. */
  kill(): void;
}

/** A TCP server. `serve`, when given, is run for each connection; what it throws fails the test. */
export async function aServer(t: TestContext, serve?: (peer: Peer) => Promise<void>): Promise<TcpServer> {
  const peers: Peer[] = [];
  const errors: unknown[] = [];
  let handedOut = 0;
  let over = false;
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    const peer = new Peer(socket);
    peers.push(peer);
    if (serve === undefined) return;
    serve(peer).catch((error: unknown) => {
      if (!over) errors.push(error);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const end = (): void => {
    over = true;
    server.close();
    for (const peer of peers) peer.reset();
  };
  t.after(() => {
    end();
    assert.deepEqual(errors, []);
  });
  return {
    port: (server.address() as AddressInfo).port,
    accepted: () => peers.length,
    connection: async () => {
      const wanted = handedOut;
      handedOut += 1;
      await eventually(() => peers.length > wanted, 'no connection came');
      const peer = peers[wanted];
      assert.ok(peer !== undefined);
      return peer;
    },
    stop: () => {
      server.close();
    },
    kill: end,
  };
}
