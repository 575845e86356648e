// Filters: what is taken, what is refused and how it is said, what fits.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { matches, parseFilter, type RawFilter, REASON_NAMES } from '../../../src/why/failure-filter.js';
import { type FailureRecord } from '../../../src/why/failure-record.js';
import { aRecord } from '../../support/failures.js';

function filter(raw: RawFilter): Parameters<typeof matches>[0] {
  const parsed = parseFilter(raw);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return parsed.value;
}

test('without anything everything fits, at most a hundred', () => {
  assert.deepEqual(filter({}), {
    reason: undefined,
    service: undefined,
    destination: undefined,
    sinceMs: undefined,
    limit: 100,
  });
  assert.ok(matches(filter({}), aRecord(), 0));
});

for (const [raw, message] of [
  [
    { reason: 'conect_refused' },
    /^reason: "conect_refused" is not a reason.*; did you mean connect_refused\?$/,
  ],
  [{ reason: 'none' }, /^reason: "none" is not a reason/],
  [{ service: true }, /^service needs a value: the name of a service/],
  [{ service: '' }, /^service needs a value/],
  [{ destination: 'web' }, /^destination: "web" is not an IP address, or address:port$/],
  [{ destination: '10.0.0.1:99999' }, /^destination: /],
  [{ since: '5 minutes' }, /^since: "5 minutes" is not a duration/],
  [{ limit: '0' }, /^limit: "0" is not a whole number from 1 to 1000$/],
  [{ limit: '1001' }, /^limit: /],
  [{ limit: '1e2' }, /^limit: /],
] as const satisfies readonly (readonly [RawFilter, RegExp])[]) {
  test(`refused: ${JSON.stringify(raw)}`, () => {
    const parsed = parseFilter(raw);
    assert.ok(!parsed.ok);
    assert.equal(parsed.error.length, 1);
    assert.match(parsed.error[0] ?? '', message);
  });
}

test('all mistakes are told, with the prefix of options', () => {
  const parsed = parseFilter({ since: 'x', limit: true, reason: 'FAIL-FAST' }, '--');
  assert.ok(!parsed.ok);
  assert.deepEqual(
    parsed.error.map((message) => message.split(/[: ]/)[0]),
    ['--since', '--limit'],
  );
});

for (const [about, raw, parts, fits] of [
  ['the same reason', { reason: 'connect_refused' }, {}, true],
  ['the reason in other letters', { reason: 'CONNECT-REFUSED' }, {}, true],
  ['another reason', { reason: 'fail_fast' }, {}, false],
  ['the service', { service: 'web' }, { labels: {} }, true],
  ['the service in capitals', { service: 'Web' }, {}, true],
  ['the service and its port', { service: 'web:80' }, {}, true],
  ['another port of the service', { service: 'web:81' }, {}, false],
  ['the beginning of a service', { service: 'we' }, {}, false],
  ['the label of the service', { service: 'shop' }, { labels: { service: 'Shop' } }, true],
  ['a service, when none is known', { service: 'web' }, { authority: undefined, labels: {} }, false],
  ['the destination', { destination: '10.77.0.10:80' }, {}, true],
  ['the address of the destination', { destination: '10.77.0.10' }, {}, true],
  ['another port of the destination', { destination: '10.77.0.10:81' }, {}, false],
  ['an IPv6 address', { destination: '0:0::1' }, { destination: '[::1]:80' }, true],
  ['an IPv6 address and its port', { destination: '[0:0::1]:80' }, { destination: '[::1]:80' }, true],
  ['a destination, when none is known', { destination: '::1' }, { destination: undefined }, false],
  ['what is as old as allowed', { since: '2s' }, { lastMs: 8000 }, true],
  ['what is older', { since: '2s' }, { lastMs: 7999 }, false],
  ['what is only partly right', { service: 'web', reason: 'fail_fast' }, {}, false],
] as const satisfies readonly (readonly [string, RawFilter, Partial<FailureRecord>, boolean])[]) {
  test(`${about} ${fits ? 'fits' : 'does not fit'}`, () => {
    assert.equal(matches(filter(raw), aRecord(parts), 10_000), fits);
  });
}

test('every reason can be asked for', () => {
  assert.ok(REASON_NAMES.length > 30);
  for (const reason of REASON_NAMES) assert.equal(filter({ reason }).reason, reason);
});
