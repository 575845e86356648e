// Endpoints as the workers see them, in words.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { create } from '@bufbuild/protobuf';

import { endpointLive } from '../../../src/dataplane/endpoint-live.js';
import { EndpointInspectionSchema, EndpointState } from '../../../src/dataplane/gen/contract_pb.js';

test('an endpoint that backs off tells the error and the next attempt, also when that is due', () => {
  const inspected = create(EndpointInspectionSchema, {
    state: EndpointState.ENDPOINT_BACKOFF,
    lastErrno: 110,
  });
  assert.deepEqual(endpointLive(inspected), {
    state: 'backoff',
    inFlight: 0,
    idleConnections: 0,
    ewmaMs: 0,
    lastError: 'ETIMEDOUT',
    nextAttemptMs: 0,
  });
});

test('an errno without a name keeps its number', () => {
  assert.equal(endpointLive(create(EndpointInspectionSchema, { lastErrno: 9999 })).lastError, 'errno 9999');
});
