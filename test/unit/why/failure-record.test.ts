// What is kept of a failure, and which failures are the same one again.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Direction, Reason } from '../../../src/dataplane/gen/contract_pb.js';
import { type FailureRecord, keyOf, recordOf, wantsPicture } from '../../../src/why/failure-record.js';
import { aFailure, aRecord, socketAddress } from '../../support/failures.js';
import { aTarget } from '../../support/fake-series.js';

test('a record has everything that is known, in text', () => {
  const failure = aFailure({
    detail: 'logical service web:80: endpoint 127.0.0.1:8081: connection refused',
    endpoint: socketAddress('127.0.0.1:8081'),
    method: 'GET',
    path: '/index.html',
    status: 502,
  });
  const record = recordOf(failure, { target: aTarget(1, 'web:80'), labels: { service: 'web' } });
  assert.deepEqual(record, aRecord());
});

test('a connection without a service has no request, status or authority', () => {
  const failure = aFailure({ direction: Direction.INBOUND, targetId: 0 });
  const { direction, request, status, authority, endpoint } = recordOf(failure, {});
  assert.deepEqual(
    [direction, request, status, authority, endpoint],
    ['inbound', undefined, undefined, undefined, undefined],
  );
  assert.equal(recordOf(failure, { target: aTarget(9, '') }).authority, undefined);
});

test('long texts of peers are cut', () => {
  const failure = aFailure({
    method: 'M'.repeat(9999),
    path: `/${'p'.repeat(9999)}`,
    detail: 'd'.repeat(9999),
  });
  const { request, detail } = recordOf(failure, {});
  assert.deepEqual(
    [request?.method.length, request?.path.length, request?.path.at(-1), detail.length],
    [32, 256, '…', 512],
  );
});

for (const [about, parts, isSame] of [
  ['another client and path', { client: '127.0.0.1:5', request: { method: 'PUT', path: '/' } }, true],
  ['another time', { firstMs: 7, lastMs: 7 }, true],
  ['another reason', { reason: 'connect_timeout' }, false],
  ['another service', { authority: 'web:81' }, false],
  ['another destination', { destination: '10.77.0.11:80' }, false],
  ['another endpoint', { endpoint: '127.0.0.1:8082' }, false],
  ['another sentence', { detail: 'connection refused' }, false],
  ['another answer', { status: 503 }, false],
  ['another route', { route: 'HTTPRoute.web.canary' }, false],
  ['another number of tries', { tries: 3 }, true],
  ['no request', { request: undefined }, false],
  ['another direction', { direction: 'inbound' }, false],
] as const satisfies readonly (readonly [string, Partial<FailureRecord>, boolean])[]) {
  test(`with ${about} it is ${isSame ? 'the same failure' : 'another one'}`, () => {
    assert.equal(keyOf(aRecord(parts)) === keyOf(aRecord()), isSame);
  });
}

test('a fail-fast is the same whichever endpoint was tried last', () => {
  const keys = ['127.0.0.1:1', '127.0.0.1:2'].map((endpoint) =>
    keyOf(aRecord({ reason: 'fail_fast', endpoint, detail: `endpoint ${endpoint}: service in fail-fast` })),
  );
  assert.equal(keys[0], keys[1]);
});

test('only what endpoints have to do with gets a picture of them', () => {
  assert.ok(
    [Reason.FAIL_FAST, Reason.QUEUE_FULL, Reason.NO_ENDPOINTS, Reason.CONNECT_TIMEOUT].every(wantsPicture),
  );
  assert.ok(![Reason.MALFORMED_REQUEST, Reason.CLIENT_RESET, Reason.NO_ROUTE].some(wantsPicture));
});
