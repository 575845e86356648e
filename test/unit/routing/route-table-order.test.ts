// Which route wins: the order in which the data plane compares, decided beforehand.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import type { RequestMatchConfig } from '../../../src/config/route-config.js';
import { orderRoutes } from '../../../src/routing/route-table-order.js';
import { aMatch, aRoute } from '../../support/mesh-configs.js';

const exactly = (text: string): Partial<RequestMatchConfig> => ({ path: { kind: 'exact', text } });
const below = (text: string): Partial<RequestMatchConfig> => ({ path: { kind: 'prefix', text } });
const like = (text: string): Partial<RequestMatchConfig> => ({ path: { kind: 'regex', text } });
const header = (...names: string[]): Partial<RequestMatchConfig> => ({
  headers: names.map((name) => ({ name, value: { kind: 'exact', text: '1' } })),
});
const query = (...names: string[]): Partial<RequestMatchConfig> => ({
  query: names.map((name) => ({ name, value: { kind: 'exact', text: '1' } })),
});
const rpc = (service: string, method: string): Partial<RequestMatchConfig> => ({ grpc: { service, method } });

/** Names of routes, one for each match, in the order in which they are compared. */
function compared(matches: Readonly<Record<string, Partial<RequestMatchConfig>>>): readonly string[] {
  const names = Object.keys(matches);
  const routes = Object.entries(matches).map(([name, match]) => aRoute(name, { matches: [aMatch(match)] }));
  return (orderRoutes(routes)[0]?.entries ?? []).map(({ rule }) => names[rule] ?? '');
}

for (const [rule, matches, expected] of [
  ['an exact path goes before a longer prefix', { a: below('/api/items'), b: exactly('/api') }, 'b a'],
  [
    'a regular expression of the whole path is as good as an exact one',
    { a: like('/a.*'), b: exactly('/a') },
    'a b',
  ],
  ['a longer prefix goes before a shorter one', { a: below('/a'), b: below('/a/b') }, 'b a'],
  ['slashes at the end of a prefix do not count', { a: below('/aa'), b: below('/a//') }, 'a b'],
  ['a path goes before any number of headers', { a: header('x', 'y', 'z'), b: below('/a') }, 'b a'],
  ['no path is the prefix /', { a: below('/'), b: header('x'), c: {} }, 'b a c'],
  ['more headers go before fewer', { a: header('x'), b: header('x', 'y') }, 'b a'],
  ['headers go before queries', { a: query('x', 'y'), b: header('x') }, 'b a'],
  ['more queries go before fewer', { a: query('x'), b: query('x', 'y') }, 'b a'],
  ['queries go before a method', { a: { method: 'GET' }, b: query('x') }, 'b a'],
  ['a method goes before none', { a: {}, b: { method: 'GET' } }, 'b a'],
  ['what is equal stays in the order of the file', { b: { method: 'GET' }, a: { method: 'PUT' } }, 'b a'],
  [
    'a longer service of gRPC goes first, then a longer method',
    { a: rpc('', 'Get'), b: rpc('a.B', ''), c: rpc('', 'GetAll'), d: rpc('a.B', 'Get'), e: rpc('', '') },
    'd b c a e',
  ],
  [
    'headers decide between calls of the same name',
    { a: rpc('a.B', 'C'), b: { ...rpc('a.B', 'C'), ...header('x') } },
    'b a',
  ],
] as const) {
  test(rule, () => {
    assert.equal(compared(matches).join(' '), expected);
  });
}

test('hosts: exact ones, longer suffixes, then any; each with its own routes', () => {
  const hosts = orderRoutes([
    aRoute('any'),
    aRoute('short', { hosts: [{ host: 'mesh', suffix: true }] }),
    aRoute('both', {
      hosts: [
        { host: 'web.mesh', suffix: true },
        { host: 'web.mesh', suffix: false },
      ],
    }),
    aRoute('again', { hosts: [{ host: 'web.mesh', suffix: false }], matches: [aMatch(below('/a'))] }),
  ]);
  assert.deepEqual(
    hosts.map(({ host, suffix, entries }) => [suffix, host, entries.map(({ rule }) => rule)]),
    [
      [false, 'web.mesh', [3, 2]],
      [true, 'web.mesh', [2]],
      [true, 'mesh', [1]],
      [false, '', [0]],
    ],
  );
});

test('a route without matches is an entry that matches every request', () => {
  assert.deepEqual(orderRoutes([aRoute('all')])[0]?.entries, [{ match: undefined, rule: 0 }]);
});

test('whatever the routes, each match is one entry for each host, and equal ones keep their order', () => {
  const match = fc.constantFrom({}, below('/a'), exactly('/a'), header('x'), { method: 'GET' }, query('q'));
  const host = fc.constantFrom({ host: 'a.b', suffix: false }, { host: 'b', suffix: true });
  const someRoutes = fc.array(
    fc.record({ hosts: fc.uniqueArray(host), matches: fc.array(match, { maxLength: 3 }) }),
  );
  fc.assert(
    fc.property(someRoutes, (written) => {
      const routes = written.map(({ hosts, matches }, index) =>
        aRoute(String(index), { hosts, matches: matches.map(aMatch) }),
      );
      const ordered = orderRoutes(routes);
      const expected = routes.reduce(
        (sum, { hosts, matches }) => sum + Math.max(1, hosts.length) * Math.max(1, matches.length),
        0,
      );
      assert.equal(
        ordered.reduce((sum, { entries }) => sum + entries.length, 0),
        expected,
      );
      for (const { entries } of ordered) {
        for (const [index, entry] of entries.entries()) {
          const later = entries.slice(index + 1).filter((other) => sameText(other.match, entry.match));
          assert.ok(later.every((other) => other.rule >= entry.rule));
        }
      }
    }),
  );
});

function sameText(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
