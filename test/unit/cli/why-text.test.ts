// Failures as text for people. Times are local, so only what is the same everywhere is compared.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { whyText } from '../../../src/cli/why-text.js';
import { type FailureRecord } from '../../../src/why/failure-record.js';
import { aPicture, aRecord } from '../../support/failures.js';

const NOW = new Date(2001, 1, 3, 12, 30, 0);
const AT = new Date(2001, 1, 3, 12, 3, 41, 120).getTime();
const PICTURE = aPicture({
  timeMs: AT,
  counts: { ready: 1, backoff: 1, ejected: 0 },
  endpoints: [
    {
      address: '127.0.0.1:8081',
      state: 'backoff',
      inFlight: 0,
      idleConnections: 0,
      ewmaMs: 0,
      lastError: 'ECONNREFUSED',
      nextAttemptMs: 180,
    },
    { address: '127.0.0.1:8082', state: 'ready', inFlight: 3, idleConnections: 1, ewmaMs: 1.2 },
  ],
});

interface Counts {
  matching?: number;
  remembered?: number;
  forgotten?: number;
  lost?: number;
}

function lines(failures: readonly FailureRecord[], counts: Counts = {}): readonly string[] {
  const selection = {
    matching: failures.length,
    remembered: failures.length,
    forgotten: 0,
    lost: 0,
    ...counts,
  };
  return whyText(JSON.stringify({ failures, ...selection }), NOW)
    .trimEnd()
    .split('\n');
}

test('a failed request tells what, why and what endpoints there were', () => {
  const failure = aRecord({ lastMs: AT, firstMs: AT - 41_000, count: 3, endpoints: PICTURE });
  assert.deepEqual(lines([failure]), [
    '12:03:41.120  502 connect_refused ×3 since 12:03:00.120  GET web:80/index.html  from 127.0.0.1:4242 to 10.77.0.10:80',
    '              logical service web:80: endpoint 127.0.0.1:8081: connection refused',
    '              endpoints of web:80: 127.0.0.1:8081 backing off, ECONNREFUSED, next attempt in 180 ms; 127.0.0.1:8082 ready, 3 in flight, 1.2 ms',
  ]);
});

for (const [about, parts, line] of [
  [
    'a connection has neither request nor status',
    { request: undefined, status: undefined, detail: '' },
    '12:03:41.120  connect_refused  connection to web:80  from 127.0.0.1:4242 to 10.77.0.10:80',
  ],
  [
    'what arrives at the command says so',
    { direction: 'inbound', request: undefined, authority: undefined, client: undefined, detail: '' },
    '12:03:41.120  502 connect_refused  inbound connection  to 10.77.0.10:80',
  ],
  [
    'a request of which nothing could be read is a request',
    { request: { method: '', path: '' }, destination: undefined, client: undefined, detail: '' },
    '12:03:41.120  502 connect_refused  request',
  ],
  [
    'control characters of peers do not reach the terminal',
    { request: { method: 'GET', path: '/\u001b[2J' }, client: undefined, detail: '' },
    String.raw`12:03:41.120  502 connect_refused  GET web:80/\u001b[2J  to 10.77.0.10:80`,
  ],
] as const satisfies readonly (readonly [string, Partial<FailureRecord>, string])[]) {
  test(about, () => {
    assert.deepEqual(lines([aRecord({ lastMs: AT, ...parts })]), [line]);
  });
}

test('a look at the endpoints at another time says when', () => {
  const failure = aRecord({ lastMs: AT, endpoints: { ...PICTURE, timeMs: AT - 700 } });
  assert.match(lines([failure])[2] ?? '', /^ {14}endpoints of web:80 at 12:03:40\.420: 127/);
});

test('another day is named', () => {
  const yesterday = new Date(2001, 1, 2, 1, 2, 3, 4).getTime();
  assert.match(lines([aRecord({ lastMs: yesterday })])[0] ?? '', /^2001-02-02 01:02:03\.004 {2}502 /);
});

for (const [about, failures, counts, last] of [
  ['nothing at all', 0, {}, 'Nothing has failed.'],
  ['nothing that fits', 0, { remembered: 3 }, 'No failure fits; without filters there are 3.'],
  ['more than shown', 1, { matching: 8, remembered: 9 }, '7 more; --limit 8 shows them.'],
  ['older ones that went', 1, { forgotten: 1 }, '1 older failure is remembered no more.'],
  ['some that never came', 1, { lost: 20 }, '20 failures or log lines came too fast.'],
] as const) {
  test(`said at the end: ${about}`, () => {
    assert.equal(lines(Array<FailureRecord>(failures).fill(aRecord()), counts).at(-1), last);
  });
}

for (const answer of ['no json', '{}', 'null', '[]']) {
  test(`an answer that is not sluice's is refused: ${answer}`, () => {
    assert.throws(() => whyText(answer, NOW), { name: 'AdminUnavailableError' });
  });
}

test('a route and several tries have a line of their own', () => {
  const [, line] = lines([aRecord({ lastMs: AT, route: 'HTTPRoute.web.canary', tries: 3 })]);
  assert.equal(line, '              route HTTPRoute.web.canary, tried 3 times');
});

test('a single try goes without saying', () => {
  const told = lines([aRecord({ lastMs: AT, tries: 1, detail: '' })]);
  assert.equal(told.length, 1);
});

test('questions that a control plane does not answer are told, the others are counted', () => {
  const stream = {
    kind: 'endpoints',
    subject: 'web.shop.svc.cluster.local:80',
    state: 'known',
    open: true,
    ageMs: 90_000,
    lastMessageAgoMs: 4200,
  };
  const streams = [
    stream,
    {
      ...stream,
      kind: 'profile',
      subject: '10.1.2.3:80',
      open: false,
      lastFailure: { code: 14, message: 'no endpoint is ready', agoMs: 100 },
    },
    { ...stream, kind: 'inbound-policy', subject: '8080', state: 'pending', lastMessageAgoMs: undefined },
    { ...stream, kind: 'outbound-policy', subject: '10.9.9.9:80', state: 'refused', open: false },
  ];
  const selection = { failures: [], matching: 0, remembered: 0, forgotten: 0, lost: 0, streams };
  assert.deepEqual(whyText(JSON.stringify(selection), NOW).split('\n'), [
    'Nothing has failed.',
    'control plane: the profile of 10.1.2.3:80 is not asked now for 90 s; what was said 4.2 s ago is in force: no endpoint is ready',
    'control plane: the policy of port 8080 has not been answered for 90 s',
    'control plane: 2 questions are answered.',
    '',
  ]);
});
