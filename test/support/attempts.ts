// Sends one case of smuggling through the proxy, judges the answer, and tells which requests have to reach
// the server. A canary follows on the same connection: it must be answered as itself, or not at all.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

import { EndpointProtocol, Protocol } from '../../src/dataplane/gen/contract_pb.js';
import type { DowngradeCase } from './downgrade-cases.js';
import { anHttp2Client, data, END_STREAM, get, headers } from './http2-frames.js';
import { aClient, type Peer } from './peer.js';
import type { ProxyUnderTest, Route } from './proxy-under-test.js';
import { field, readResponse } from './raw-http.js';
import type { SmugglingCase } from './smuggling-cases.js';

const CANARY = '/canary';

export interface CountingRoutes {
  readonly http1: Route;
  /** HTTP/2 clients, the same server in HTTP/1.1. */
  readonly downgrade: Route;
}

export function countingRoutes(proxy: ProxyUnderTest, port: number): CountingRoutes {
  return {
    http1: proxy.route({ to: [port] }),
    downgrade: proxy.route({
      to: [port],
      protocol: Protocol.DETECT,
      target: { endpointProtocol: EndpointProtocol.ENDPOINT_HTTP1 },
    }),
  };
}

/** `METHOD TARGET` of what has to reach the server. */
export async function attemptSmuggling(
  t: TestContext,
  route: Route,
  one: SmugglingCase,
  canary = CANARY,
  answers: readonly number[] = [200],
): Promise<readonly string[]> {
  const last = `GET ${canary} HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n`;
  const client: Peer = await aClient(t, route.port);
  await client.send(one.bytes);
  if (one.refused !== undefined) {
    const response = await readResponse(client);
    assert.equal(response.status, 400, one.name);
    assert.equal(field(response, 'l5d-proxy-error'), `malformed request: ${one.refused}`, one.name);
    assert.equal(field(response, 'connection'), 'close', one.name);
    // Whatever follows is nobody's request any more.
    client.write(last);
    assert.equal((await client.toEnd()).length, 0, one.name);
    client.finish();
    return [];
  }
  const forwarded = one.forwarded ?? [];
  client.write(last);
  const expected = one.last === true ? forwarded : [...forwarded, `GET ${canary}`];
  for (const request of expected) {
    let response = await readResponse(client, request.split(' ', 1)[0]);
    if (response.status === 100) response = await readResponse(client);
    assert.ok(answers.includes(response.status), `${one.name}: ${request}: ${response.status}`);
  }
  assert.equal((await client.toEnd()).length, 0, one.name);
  client.finish();
  return expected;
}

const CASE_STREAM = 1;
const CANARY_STREAM = 3;

export async function attemptDowngrade(
  t: TestContext,
  route: Route,
  one: DowngradeCase,
  canary = CANARY,
): Promise<readonly string[]> {
  const client = await anHttp2Client(t, route.port);
  const { body, trailers } = one;
  const parts = [headers(CASE_STREAM, one.fields, body === undefined ? END_STREAM : 0)];
  if (body !== undefined) parts.push(data(CASE_STREAM, body, trailers === undefined ? END_STREAM : 0));
  if (trailers !== undefined) parts.push(headers(CASE_STREAM, trailers));
  await client.peer.send(Buffer.concat(parts));
  assert.equal(await client.outcome(CASE_STREAM), one.refused, one.name);
  client.peer.write(headers(CANARY_STREAM, get(canary)));
  assert.equal(await client.outcome(CANARY_STREAM), undefined, `${one.name}: canary`);
  client.peer.socket.destroy();
  const pseudo = Object.fromEntries(one.fields);
  const request = `${pseudo[':method']} ${pseudo[':path']}`;
  return [...(one.refused === undefined ? [request] : []), `GET ${canary}`];
}
