// Label names and values of series: linkerd's, in its order.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { create } from '@bufbuild/protobuf';

import {
  Classification,
  Direction,
  Family,
  LabelsSchema,
  Peer,
  Reason,
} from '../../../src/dataplane/gen/contract_pb.js';
import { labelText } from '../../../src/metrics/labels.js';
import { aTarget, directoryOf, type LabelsInit } from '../../support/fake-series.js';

const NOBODY = directoryOf();
const V4 = { ip: Uint8Array.of(10, 0, 0, 7), port: 8080 };
const V6 = { ip: Uint8Array.of(0xfd, ...new Array<number>(14).fill(0), 1), port: 80 };

function text(family: Family, labels: LabelsInit, targets = NOBODY): [string, string][] {
  return Object.entries(labelText(family, create(LabelsSchema, labels), targets));
}

test('a response has every label of linkerd in its order', () => {
  const target = {
    ...aTarget(3, 'web:80', { service: 'web' }),
    endpointLabels: () => ({ service: 'web', zone: 'a' }),
  };
  const labels = {
    direction: Direction.OUTBOUND,
    targetAddress: V4,
    endpoint: V4,
    targetId: 3,
    statusCode: 503,
    classification: Classification.FAILURE,
    reason: Reason.ENDPOINT_RESET,
  };
  assert.deepEqual(text(Family.RESPONSE_TOTAL, labels, directoryOf(target)), [
    ['direction', 'outbound'],
    ['authority', 'web:80'],
    ['target_addr', '10.0.0.7:8080'],
    ['target_ip', '10.0.0.7'],
    ['target_port', '8080'],
    ['dst_service', 'web'],
    ['dst_zone', 'a'],
    ['status_code', '503'],
    ['classification', 'failure'],
    ['grpc_status', ''],
    ['error', 'endpoint_reset'],
  ]);
});

test('a response without an error says so with an empty label', () => {
  assert.deepEqual(text(Family.RESPONSE_TOTAL, { direction: Direction.INBOUND, statusCode: 200 }), [
    ['direction', 'inbound'],
    ['status_code', '200'],
    ['grpc_status', ''],
    ['error', ''],
  ]);
});

test('an IPv6 target has brackets in its address only', () => {
  assert.deepEqual(text(Family.TCP_OPEN_TOTAL, { peer: Peer.SRC, targetAddress: V6 }), [
    ['peer', 'src'],
    ['target_addr', '[fd00::1]:80'],
    ['target_ip', 'fd00::1'],
    ['target_port', '80'],
  ]);
});

test('an endpoint stands for the target address where there is none', () => {
  const labels = text(Family.DIALS_TOTAL, { direction: Direction.OUTBOUND, endpoint: V4 });
  assert.deepEqual(Object.fromEntries(labels)['target_addr'], '10.0.0.7:8080');
});

test('a clean close has an empty errno, another one its name', () => {
  assert.deepEqual(text(Family.TCP_CLOSE_TOTAL, { peer: Peer.DST }), [
    ['peer', 'dst'],
    ['errno', ''],
  ]);
  assert.deepEqual(text(Family.TCP_CLOSE_TOTAL, { peer: Peer.DST, errnoName: 'ECONNRESET' }), [
    ['peer', 'dst'],
    ['errno', 'ECONNRESET'],
  ]);
});

test('the overflow series has no other label', () => {
  assert.deepEqual(text(Family.REQUEST_TOTAL, { overflow: true, direction: Direction.OUTBOUND }), [
    ['overflow', 'true'],
  ]);
});

test('characters that no label name may have become underscores', () => {
  const target = aTarget(1, '', { 'topology.kubernetes.io/zone': 'eu-1' });
  assert.deepEqual(text(Family.REQUEST_TOTAL, { targetId: 1 }, directoryOf(target)), [
    ['dst_topology_kubernetes_io_zone', 'eu-1'],
  ]);
});

test('a target that nobody remembers leaves its labels out', () => {
  assert.deepEqual(text(Family.REQUEST_TOTAL, { direction: Direction.OUTBOUND, targetId: 99 }), [
    ['direction', 'outbound'],
  ]);
});

test('a declared protocol is a label', () => {
  assert.deepEqual(text(Family.TCP_PROTOCOL_CONNECTIONS_TOTAL, { detected: 'opaq' }), [['protocol', 'opaq']]);
});

test('a result of protocol detection is a label', () => {
  assert.deepEqual(text(Family.DETECT_RESULTS_TOTAL, { detected: 'http/1' }), [['result', 'http/1']]);
});
