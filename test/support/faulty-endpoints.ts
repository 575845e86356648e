// Endpoints that fail in every way a server can, each in its own: one refuses, one hangs, one resets, one
// answers 500 now and then. Which request is answered 500 depends on the seed and on the order of requests.
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { TestContext } from 'node:test';

import { closedPort } from '../contract/harness.js';

export type Fault = 'refuse' | 'hang' | 'reset' | 'flaky' | 'none';

export interface FaultyEndpoint {
  readonly fault: Fault;
  readonly port: number;
  /** Requests that came whole. */
  readonly requests: () => number;
  /** Of these, answered 500. */
  readonly errors: () => number;
}

const END = Buffer.from('\r\n\r\n');
const OK = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
const ERROR = Buffer.from('HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\noops');

/** Numbers from 0 to 1 that depend on the seed alone (xorshift, 32 bits). */
export function seededRandom(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

/** For requests without a body. A flaky one answers 500 to this share of its requests. */
export async function aFaultyEndpoint(
  t: TestContext,
  fault: Fault,
  { seed = 1, share = 0.2 }: { readonly seed?: number; readonly share?: number } = {},
): Promise<FaultyEndpoint> {
  if (fault === 'refuse') {
    return { fault, port: await closedPort(), requests: () => 0, errors: () => 0 };
  }
  const random = seededRandom(seed);
  let requests = 0;
  let errors = 0;
  const server = createServer((socket) => {
    t.after(() => socket.destroy());
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    let held: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      for (let end = held.indexOf(END); end >= 0; end = held.indexOf(END)) {
        held = held.subarray(end + END.length);
        requests += 1;
        if (fault === 'hang') return;
        if (fault === 'reset') {
          socket.resetAndDestroy();
          return;
        }
        const fails = fault === 'flaky' && random() < share;
        if (fails) errors += 1;
        socket.write(fails ? ERROR : OK);
      }
    });
  });
  server.listen(0, '127.0.0.1', 1024);
  await once(server, 'listening');
  t.after(() => {
    server.close();
  });
  return {
    fault,
    port: (server.address() as AddressInfo).port,
    requests: () => requests,
    errors: () => errors,
  };
}

/** So many of each. */
export async function faultyEndpoints(
  t: TestContext,
  counts: Readonly<Partial<Record<Fault, number>>>,
): Promise<FaultyEndpoint[]> {
  const faults = Object.entries(counts).flatMap(([fault, count]) => Array<Fault>(count).fill(fault as Fault));
  return Promise.all(faults.map((fault, seed) => aFaultyEndpoint(t, fault, { seed })));
}
