// Request smuggling, seen from behind the proxy: real servers get all cases one after the other over
// connections that are used again, and none of them ever sees another request than the proxy sent.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { attemptDowngrade, attemptSmuggling, countingRoutes } from '../support/attempts.js';
import { aiohttp, gunicorn, node, pythonHttpServer, waitress } from '../support/counting-apps.js';
import { apache, caddy, h2o, haproxy, lighttpd, nginx } from '../support/counting-daemons.js';
import { DOWNGRADE_CASES } from '../support/downgrade-cases.js';
import { aProxy } from '../support/proxy-under-test.js';
import { SMUGGLING_CASES } from '../support/smuggling-cases.js';

const SERVERS = {
  node,
  nginx,
  apache,
  HAProxy: haproxy,
  lighttpd,
  h2o,
  Caddy: caddy,
  'http.server': pythonHttpServer,
  gunicorn,
  waitress,
  aiohttp,
};

const tagOf = (number: number): string => String(number).padStart(3, '0');
const canaryOf = (number: number): string => `/can${tagOf(number)}`;

/** The case with paths of its own, of the same length: lengths of bodies are part of it. */
function tagged<Case extends object>(one: Case, number: number): Case {
  const mark = (value: unknown): unknown => {
    if (typeof value === 'string') {
      return value
        .replaceAll('/case', `/c${tagOf(number)}`)
        .replaceAll('/smuggled', `/smugg${tagOf(number)}`);
    }
    return Array.isArray(value) ? value.map(mark) : value;
  };
  return Object.fromEntries(Object.entries(one).map(([key, value]) => [key, mark(value)])) as Case;
}

/** What a server saw of each case; what names none is of the case -1. */
function byCase(requests: readonly string[]): Map<number, string[]> {
  const found = new Map<number, string[]>();
  for (const request of requests) {
    const number = Number(/\/(?:c|smugg|can)(\d{3})/.exec(request)?.[1] ?? -1);
    found.set(number, [...(found.get(number) ?? []), request.replace(/ http:\/\/[^/]+/i, ' ')]);
  }
  return found;
}

for (const [name, start] of Object.entries(SERVERS)) {
  test(`${name} behind the proxy sees the requests that the proxy sent, of each case`, async (t) => {
    const proxy = aProxy(t, { workers: 1 });
    const server = await start(t);
    const routes = countingRoutes(proxy, server.port);
    const cases: { name: string; expected: readonly string[]; sent: number }[] = [];
    const attempt = async <Case extends { readonly name: string }>(
      one: Case,
      send: (mine: Case, canary: string) => Promise<readonly string[]>,
    ): Promise<void> => {
      const before = proxy.metric('request_total');
      const expected = await send(tagged(one, cases.length), canaryOf(cases.length));
      cases.push({ name: one.name, expected, sent: proxy.metric('request_total') - before });
    };
    for (const one of SMUGGLING_CASES) {
      if (server.faults?.[one.name] !== undefined) continue;
      await attempt(one, (mine, canary) => attemptSmuggling(t, routes.http1, mine, canary, server.answers));
    }
    for (const one of DOWNGRADE_CASES) {
      await attempt(one, (mine, canary) => attemptDowngrade(t, routes.downgrade, mine, canary));
    }
    await proxy.idle();

    const seen = byCase(await server.seen(t));
    // Of heads whose body broke later a server may only say that it was refused something.
    let broken = (seen.get(-1) ?? []).length;
    for (const [number, { name: one, expected, sent }] of cases.entries()) {
      const requests = seen.get(number) ?? [];
      const wanted = [...expected].sort();
      const more = requests.filter((request) => !wanted.includes(request));
      assert.deepEqual(requests.filter((request) => wanted.includes(request)).sort(), wanted, one);
      assert.ok(
        more.length <= sent - wanted.length && more.every((request) => request.startsWith('POST /c')),
        `${one}: sent ${sent}, saw ${requests.join(', ')}`,
      );
      broken -= sent - wanted.length - more.length;
    }
    assert.ok(broken <= 0, `more refusals than broken requests: ${(seen.get(-1) ?? []).join(', ')}`);
  });
}
