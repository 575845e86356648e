// Request smuggling: everything two implementations may read differently is refused with a reason or
// forwarded with one reading.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { attemptDowngrade, attemptSmuggling, countingRoutes } from '../support/attempts.js';
import { DOWNGRADE_CASES } from '../support/downgrade-cases.js';
import { aProxy } from '../support/proxy-under-test.js';
import { aRawHttpServer } from '../support/raw-http.js';
import { SMUGGLING_CASES } from '../support/smuggling-cases.js';

for (const one of SMUGGLING_CASES) {
  test(`${one.name}: ${one.refused === undefined ? 'one reading' : `refused (${one.refused})`}`, async (t) => {
    const proxy = aProxy(t, { workers: 1 });
    const server = await aRawHttpServer(t);
    const expected = await attemptSmuggling(t, countingRoutes(proxy, server.port).http1, one);
    const seen = server.requests.map(({ method, target }) => `${method} ${target}`);
    assert.deepEqual(seen.map(withoutOrigin).sort(), [...expected].sort());
    const sent = proxy.metric('request_total');
    const refused = proxy.metric('sluice_request_errors_total', { error: 'malformed_request' });
    assert.equal(refused, one.refused === undefined ? 0 : 1);
    // A body may turn out malformed only after its head has been sent: then its connection ends.
    assert.ok(sent === expected.length || (refused === 1 && sent === 1));
  });
}

/** The path alone: servers differ in what they make of absolute-form. */
function withoutOrigin(request: string): string {
  return request.replace(/ http:\/\/[^/]+/i, ' ');
}

for (const one of DOWNGRADE_CASES) {
  const outcome = one.refused === undefined ? 'one request' : 'the stream is reset';
  test(`HTTP/2 to HTTP/1.1, ${one.name}: ${outcome}`, async (t) => {
    const proxy = aProxy(t, { workers: 1 });
    const server = await aRawHttpServer(t);
    const expected = await attemptDowngrade(t, countingRoutes(proxy, server.port).downgrade, one);
    await proxy.idle();
    assert.deepEqual(
      server.requests.map(({ method, target }) => `${method} ${target}`).sort(),
      [...expected].sort(),
    );
    for (const request of server.requests) {
      if (request.target !== '/case') continue;
      assert.equal(request.body.toString('latin1'), one.body ?? '');
      const framed = [...request.fields, ...request.trailers].filter(([name]) =>
        /^(content-length|transfer-encoding|host)$/i.test(name),
      );
      assert.equal(framed.length, one.body === undefined ? framed.length : 2, JSON.stringify(framed));
    }
  });
}
