// The endpoints of a target at one moment, and as text.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { create } from '@bufbuild/protobuf';

import {
  type EndpointInspection,
  EndpointState,
  type TargetInspection,
  TargetInspectionSchema,
} from '../../../src/dataplane/gen/contract_pb.js';
import { endpointsText, pictureOf, SHOWN_ENDPOINTS } from '../../../src/why/endpoints-picture.js';
import { aPicture, socketAddress } from '../../support/failures.js';
import { at } from '../../support/mesh-configs.js';

function aTarget(
  waiting: number,
  ...endpoints: readonly Partial<Omit<EndpointInspection, '$typeName'>>[]
): TargetInspection {
  return create(TargetInspectionSchema, {
    id: 1,
    waiting,
    endpoints: endpoints.map((endpoint, index) => ({
      address: socketAddress(`127.0.0.1:${String(8081 + index)}`),
      ...endpoint,
    })),
  });
}

const BACKOFF = { state: EndpointState.ENDPOINT_BACKOFF, lastErrno: 111, nextAttemptMs: 180 };

test('each endpoint tells its state, those that fail first', () => {
  const target = aTarget(4, { inFlight: 3, ewmaMs: 1.24 }, { lastErrno: 113 }, BACKOFF, {
    ...BACKOFF,
    nextAttemptMs: 0,
  });
  const removed = [{ address: at('127.0.0.1:9'), agoMs: 12_040 }];
  assert.deepEqual(endpointsText(pictureOf(target, removed, 0)).split('; '), [
    '127.0.0.1:8083 backing off, ECONNREFUSED, next attempt in 180 ms',
    '127.0.0.1:8084 backing off, ECONNREFUSED, next attempt due',
    '127.0.0.1:8082 ready for some workers only, EHOSTUNREACH',
    '127.0.0.1:8081 ready, 3 in flight, 1.2 ms',
    '127.0.0.1:9 removed by discovery 12.0 s before',
    'requests waiting: 4',
  ]);
});

test('a target that the data plane has no more has no endpoints, but removed ones', () => {
  const removed = [{ address: at('[::1]:9'), agoMs: 0 }];
  assert.equal(
    endpointsText(pictureOf(undefined, removed, 0)),
    'none; [::1]:9 removed by discovery 0.0 s before',
  );
});

test('of many endpoints the failing ones are shown, and all are counted', () => {
  const many = Array.from({ length: 1000 }, (_, index) => (index % 100 === 99 ? BACKOFF : {}));
  const picture = pictureOf(aTarget(0, ...many), [], 0);
  assert.deepEqual(picture.counts, { ready: 990, backoff: 10, ejected: 0 });
  assert.equal(picture.endpoints.length, SHOWN_ENDPOINTS);
  assert.ok(picture.endpoints.slice(0, 10).every(({ state }) => state === 'backoff'));
  assert.match(endpointsText(picture), /; of all, 990 ready and 10 backing off$/);
});

test('no endpoints are said to be none', () => {
  assert.equal(endpointsText(aPicture()), 'none');
});
