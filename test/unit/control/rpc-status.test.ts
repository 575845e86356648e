// The names of statuses of gRPC, and which of them end a question for good.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as grpc from '@grpc/grpc-js';

import {
  RPC_CODE,
  rpcClassification,
  rpcCodeName,
  rpcStatusText,
  WRONG_OR_UNKNOWN,
  WRONG_QUESTION,
} from '../../../src/control/rpc-status.js';

test('codes have the numbers and names of gRPC', () => {
  for (const [name, code] of Object.entries(RPC_CODE)) {
    const upper = name.replaceAll(/[A-Z]/g, '_$&').toUpperCase();
    assert.equal((grpc.status as unknown as Record<string, number>)[upper], code);
  }
  assert.equal(rpcCodeName(3), 'InvalidArgument');
  assert.equal(rpcCodeName(99), '99');
  assert.equal(rpcStatusText({ code: 14, message: 'lost' }), 'Unavailable: lost');
  assert.equal(rpcStatusText({ code: 0, message: '' }), 'Ok');
});

test('some streams take an answer of not found, or not known, as final', () => {
  assert.deepEqual([...WRONG_QUESTION].toSorted(), [3, 9]);
  assert.deepEqual(
    [...WRONG_OR_UNKNOWN].toSorted((a, b) => a - b),
    [3, 5, 9, 12],
  );
});

test('codes that blame the controller are failures', () => {
  const failures = Object.values(RPC_CODE).filter((code) => rpcClassification(code) === 'failure');
  assert.deepEqual(failures, [2, 4, 7, 13, 14, 15]);
});
