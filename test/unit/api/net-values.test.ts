// Addresses, networks and durations of the API, to values of ours and back.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { create } from '@bufbuild/protobuf';

import { fromMilliseconds, toMilliseconds } from '../../../src/api/duration-values.js';
import { IPAddressSchema, IPNetworkSchema, TcpAddressSchema } from '../../../src/api/gen/net_pb.js';
import {
  fromHostPort,
  fromIpAddress,
  toHostPort,
  toIpAddress,
  toNetwork,
} from '../../../src/api/net-values.js';
import { DurationSchema } from '@bufbuild/protobuf/wkt';

for (const ip of ['0.0.0.0', '10.1.2.3', '255.255.255.255', '::', '::1', 'fd00:1:2:3:4:5:6:7', 'ff02::fb']) {
  test(`${ip} goes to the wire and comes back`, () => {
    assert.equal(toIpAddress(create(IPAddressSchema, fromIpAddress(ip))), ip);
  });
}

test('an address of no family, or none, is no address', () => {
  assert.equal(toIpAddress(undefined), undefined);
  assert.equal(toIpAddress(create(IPAddressSchema)), undefined);
  assert.equal(toHostPort(create(TcpAddressSchema, { port: 80 })), undefined);
});

test('a port is cut to sixteen bits', () => {
  const message = create(TcpAddressSchema, { ...fromHostPort({ ip: '10.0.0.1', port: 80 }), port: 0x1_0050 });
  assert.deepEqual(toHostPort(message), { ip: '10.0.0.1', port: 80 });
});

test('a network has a prefix no longer than its address', () => {
  const network = (ip: string, prefixLen: number): ReturnType<typeof toNetwork> =>
    toNetwork(create(IPNetworkSchema, { ip: fromIpAddress(ip), prefixLen }));
  assert.deepEqual(network('10.0.0.0', 8), { ip: '10.0.0.0', prefixLength: 8 });
  assert.equal(network('10.0.0.0', 33), undefined);
  assert.deepEqual(network('fd00::', 128), { ip: 'fd00::', prefixLength: 128 });
  assert.equal(network('fd00::', 129), undefined);
});

test('a network of IPv4 within IPv6 is one of IPv4', () => {
  const mapped = { ip: { case: 'ipv6', value: { first: 0n, last: 0xffff_0a00_0000n } } } as const;
  const network = (prefixLen: number): ReturnType<typeof toNetwork> =>
    toNetwork(create(IPNetworkSchema, { ip: mapped, prefixLen }));
  assert.deepEqual(network(104), { ip: '10.0.0.0', prefixLength: 8 });
  assert.equal(network(95), undefined);
  assert.equal(network(129), undefined);
});

test('durations are milliseconds with fractions; negative ones are none', () => {
  for (const milliseconds of [0, 1, 999.5, 1000, 86_400_000]) {
    assert.equal(toMilliseconds(create(DurationSchema, fromMilliseconds(milliseconds))), milliseconds);
  }
  assert.equal(toMilliseconds(create(DurationSchema, { seconds: -1n })), undefined);
  assert.equal(toMilliseconds(create(DurationSchema, { nanos: -1 })), undefined);
  assert.equal(toMilliseconds(undefined), undefined);
});
