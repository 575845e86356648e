// Whole exchanges, one after the other, for tests that care about where a request went and what came back,
// and not about how it travelled; the same for HTTP/1.1 and HTTP/2.
import type { TestContext } from 'node:test';

import { Protocol } from '../../src/dataplane/gen/contract_pb.js';
import { aClient, aServer, type Call, type Version } from './http-ends.js';
import { within } from './peer.js';

export const VERSIONS: readonly Version[] = ['HTTP/1.1', 'HTTP/2'];

export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export type Ask = (path: string, call?: Call) => Promise<Answered>;

export function protocolOf(version: Version): Protocol {
  return version === 'HTTP/2' ? Protocol.HTTP2 : Protocol.HTTP1;
}

/** The field that names the host, which HTTP/2 has as `:authority`. */
export function hostOf(version: Version, host: string): Readonly<Record<string, string>> {
  return version === 'HTTP/2' ? { ':authority': host } : { host };
}

/** Sends requests without a body, to any host unless `call` says so. */
export function asking(t: TestContext, version: Version, port: number): Ask {
  const client = aClient(t, version, port);
  return async (path, call = {}) => {
    const sent = client.send({ method: 'GET', hasBody: false, path, ...call });
    const { status, headers } = await within(sent.head, 'no response');
    const parts: Buffer[] = [];
    for await (const part of (await sent.body()) as AsyncIterable<Buffer>) parts.push(part);
    return { status, headers, body: Buffer.concat(parts).toString() };
  };
}

export interface NamedServer {
  readonly name: string;
  readonly port: number;
  /** The fields of the latest request. */
  readonly headers: () => Readonly<Record<string, string | string[] | undefined>>;
  readonly requests: () => number;
}

/** Answers every request with its name and the field `x-server`. */
export async function aNamedServer(t: TestContext, version: Version, name: string): Promise<NamedServer> {
  let headers = {};
  let requests = 0;
  const { port } = await aServer(t, version, (exchange) => {
    headers = exchange.headers;
    requests += 1;
    exchange.body.resume();
    exchange.head(200, { 'x-server': name });
    exchange.response.write(name);
    exchange.end();
  });
  return { name, port, headers: () => headers, requests: () => requests };
}
