// Request smuggling: everything two implementations may read differently is refused with a reason or
// forwarded with one reading, and no server behind the proxy sees another number of requests than it.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';

import { haproxyServer, nginxServer, nodeServer, pythonServer } from '../support/counting-servers.js';
import { aClient, type Peer } from '../support/peer.js';
import { aProxy, type Route } from '../support/proxy-under-test.js';
import { aRawHttpServer, field, readResponse } from '../support/raw-http.js';
import { SMUGGLING_CASES, type SmugglingCase } from '../support/smuggling-cases.js';

const CANARY = 'GET /canary HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n';

/** Sends a case and judges the answers; answers which requests have to reach the server. */
async function attempt(t: TestContext, route: Route, one: SmugglingCase): Promise<readonly string[]> {
  const client: Peer = await aClient(t, route.port);
  await client.send(one.bytes);
  if (one.refused !== undefined) {
    const response = await readResponse(client);
    assert.equal(response.status, 400, one.name);
    assert.equal(field(response, 'l5d-proxy-error'), `malformed request: ${one.refused}`, one.name);
    assert.equal(field(response, 'connection'), 'close', one.name);
    // Whatever follows is nobody's request any more.
    client.write(CANARY);
    assert.equal((await client.toEnd()).length, 0, one.name);
    client.finish();
    return [];
  }
  const forwarded = one.forwarded ?? [];
  client.write(CANARY);
  for (const request of [...forwarded, 'GET /canary']) {
    const response = await readResponse(client);
    assert.equal(response.status, 200, `${one.name}: ${request}`);
  }
  assert.equal((await client.toEnd()).length, 0, one.name);
  client.finish();
  return [...forwarded, 'GET /canary'];
}

/** The path alone: servers differ in what they make of absolute-form. */
function withoutOrigin(requests: readonly string[]): string[] {
  return requests.map((request) => request.replace(/ http:\/\/[^/]+/i, ' ')).sort();
}

for (const one of SMUGGLING_CASES) {
  test(`${one.name}: ${one.refused === undefined ? 'one reading' : `refused (${one.refused})`}`, async (t) => {
    const proxy = aProxy(t, { workers: 1 });
    const server = await aRawHttpServer(t);
    const expected = await attempt(t, proxy.route({ to: [server.port] }), one);
    const seen = server.requests.map(({ method, target }) => `${method} ${target}`);
    assert.deepEqual(withoutOrigin(seen), [...expected].sort());
    const sent = proxy.metric('request_total');
    const refused = proxy.metric('sluice_request_errors_total', { error: 'malformed_request' });
    assert.equal(refused, one.refused === undefined ? 0 : 1);
    // A body may turn out malformed only after its head has been sent: then its connection ends.
    assert.ok(sent === expected.length || (refused === 1 && sent === 1));
  });
}

for (const start of [nodeServer, nginxServer, haproxyServer, pythonServer]) {
  test(`${start.name.replace('Server', '')} behind the proxy sees the requests that the proxy counted`, async (t) => {
    const proxy = aProxy(t, { workers: 1 });
    const server = await start(t);
    const route = proxy.route({ to: [server.port] });
    const expected: string[] = [];
    let brokenBodies = 0;
    for (const one of SMUGGLING_CASES) {
      const before = proxy.metric('request_total');
      expected.push(...(await attempt(t, route, one)));
      if (one.refused !== undefined) brokenBodies += proxy.metric('request_total') - before;
    }
    assert.equal(proxy.metric('request_total'), expected.length + brokenBodies);
    await proxy.idle();
    const seen = withoutOrigin(await server.seen(t));
    // A head whose body broke later was sent, so a server may have seen it: at most that, never more.
    const broken = seen.length - expected.length;
    assert.ok(broken >= 0 && broken <= brokenBodies, `${broken} of ${brokenBodies} broken requests`);
    const posts = (requests: readonly string[]): number =>
      requests.filter((request) => request === 'POST /case' || request.startsWith('refused')).length;
    assert.equal(posts(seen) - posts(expected), broken, seen.join('\n'));
    const others = (requests: readonly string[]): string[] =>
      requests.filter((request) => request !== 'POST /case' && !request.startsWith('refused'));
    assert.deepEqual(others(seen), others(expected).sort());
  });
}
