// Where a controller is, by what is configured, and what follows from that.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  controllerAddress,
  controllerAuthority,
  controllerText,
  NO_LIMITS,
  streamLimits,
} from '../../../src/control/controller-address.js';
import { testSettings } from '../../support/control-plane-under-test.js';

const CASES: readonly (readonly [host: string, port: number, loopback: boolean, authority: string])[] = [
  ['127.0.0.1', 8086, true, '127.0.0.1:8086'],
  ['127.9.9.9', 80, true, '127.9.9.9'],
  ['::1', 8086, true, '[::1]:8086'],
  ['::1', 80, true, '[::1]'],
  ['localhost', 8086, true, 'localhost:8086'],
  ['LocalHost.', 8086, true, 'localhost:8086'],
  ['localhost.example', 8086, false, 'localhost.example:8086'],
  ['10.0.0.1', 8086, false, '10.0.0.1:8086'],
  ['linkerd-dst.linkerd.svc.cluster.local.', 8086, false, 'linkerd-dst.linkerd.svc.cluster.local:8086'],
  ['linkerd-dst.linkerd.svc.cluster.local.', 80, false, 'linkerd-dst.linkerd.svc.cluster.local'],
];
for (const [host, port, loopback, authority] of CASES) {
  test(`${host} port ${String(port)} is ${loopback ? 'on this host' : 'elsewhere'}, with authority ${authority}`, () => {
    const address = controllerAddress(host, port);
    assert.equal(address.loopback, loopback);
    assert.equal(controllerAuthority(address), authority);
  });
}

test('the text of an address always has its port', () => {
  assert.equal(controllerText(controllerAddress('controller.example.', 80)), 'controller.example:80');
});

test('limits of streams hold for controllers elsewhere only', () => {
  const limits = { initialMs: 3000, idleMs: 300_000, lifetimeMs: 3_600_000 };
  assert.deepEqual(streamLimits(testSettings(controllerAddress('10.0.0.1', 80), limits)), limits);
  assert.deepEqual(streamLimits(testSettings(controllerAddress('localhost', 80), limits)), NO_LIMITS);
});
