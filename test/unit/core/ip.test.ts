// Addresses: every spelling of one address becomes the same text, and text survives a round trip.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import {
  canonicalIp,
  formatHostPort,
  formatIp,
  formatNetwork,
  ipBytes,
  isLoopback,
  isMulticastOrBroadcast,
  maskNetwork,
  networkContains,
  parseHostPort,
  parseIp,
  parseNetwork,
  parsePort,
  splitHostPort,
} from '../../../src/core/ip.js';

test('addresses are brought into the form of RFC 5952', () => {
  const spellings: readonly (readonly [string, string | undefined])[] = [
    ['127.0.0.1', '127.0.0.1'],
    ['::', '::'],
    ['::1', '::1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['2001:DB8::0001', '2001:db8::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['fe80::', 'fe80::'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::ffff:a00:1', '10.0.0.1'],
    ['fe80::1%eth0', undefined],
    ['10.0.0', undefined],
    ['010.0.0.1', undefined],
    ['1.2.3.256', undefined],
    ['web', undefined],
    ['', undefined],
  ];
  for (const [text, expected] of spellings) assert.equal(canonicalIp(text), expected, text);
});

test('bytes that become text and bytes again are the same', () => {
  const v6 = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const sparse = v6.map((bytes) => bytes.map((byte, index) => (index % 4 < 2 ? 0 : byte)));
  const addresses = fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), v6, sparse);
  fc.assert(
    fc.property(addresses, (bytes) => {
      const text = formatIp(bytes);
      const back = ipBytes(text);
      assert.equal(formatIp(back), text);
      if (back.length === bytes.length) assert.deepEqual([...back], [...bytes]);
    }),
  );
});

test('an address of another length is a bug', () => {
  assert.throws(() => formatIp(new Uint8Array(5)), RangeError);
  assert.throws(() => ipBytes('web'), TypeError);
});

test('an address with a port is read and written the same way', () => {
  for (const text of ['127.0.0.1:80', '[::1]:0', '[2001:db8::1]:65535']) {
    const parsed = parseHostPort(text);
    assert.ok(parsed !== undefined);
    assert.equal(formatHostPort(parsed), text);
  }
});

test('an address without a port, or with a wrong one, is refused', () => {
  for (const text of [
    '127.0.0.1',
    '::1:80',
    '[127.0.0.1]:80',
    '[::1]',
    '1.2.3.4:65536',
    '1.2.3.4:',
    'web:80',
    ':80',
  ]) {
    assert.equal(parseHostPort(text), undefined, text);
  }
});

test('hosts and ports are split without being judged', () => {
  assert.deepEqual(splitHostPort('web:80'), { host: 'web', port: '80' });
  assert.deepEqual(splitHostPort('web'), { host: 'web', port: undefined });
  assert.deepEqual(splitHostPort('::1'), { host: '::1', port: undefined });
  assert.deepEqual(splitHostPort('[::1]:x'), { host: '::1', port: 'x' });
  assert.deepEqual(splitHostPort('[::1]'), { host: '::1', port: undefined });
});

test('ports are decimal numbers up to 65535', () => {
  assert.equal(parsePort('0'), 0);
  assert.equal(parsePort('65535'), 65_535);
  for (const text of ['65536', '-1', '+1', '1e3', '0x10', '', ' 1'])
    assert.equal(parsePort(text), undefined, text);
});

test('a network contains exactly the addresses with its prefix', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['10.0.0.0/8', '10.255.0.1', true],
    ['10.0.0.0/8', '11.0.0.0', false],
    ['10.77.0.10', '10.77.0.10', true],
    ['10.77.0.10', '10.77.0.11', false],
    ['192.168.4.0/23', '192.168.5.255', true],
    ['192.168.4.0/23', '192.168.6.0', false],
    ['0.0.0.0/0', '255.255.255.255', true],
    ['fd00::/8', 'fdff::1', true],
    ['fd00::/8', 'fe00::1', false],
    ['::/0', '10.0.0.1', false],
  ];
  for (const [network, ip, expected] of cases) {
    const parsed = parseNetwork(network);
    assert.ok(parsed !== undefined);
    assert.equal(networkContains(parsed, ip), expected, `${network} ${ip}`);
  }
});

test('networks with a wrong prefix are refused', () => {
  for (const text of ['10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/-1', 'web/8', '10.0.0.0/8/8']) {
    assert.equal(parseNetwork(text), undefined, text);
  }
});

test('masking clears the bits after the prefix', () => {
  const masked = maskNetwork({ ip: '10.77.3.4', prefixLength: 23 });
  assert.equal(formatNetwork(masked), '10.77.2.0/23');
  assert.equal(formatNetwork(maskNetwork({ ip: '2001:db8::ff', prefixLength: 124 })), '2001:db8::f0/124');
});

test('special addresses are known', () => {
  assert.ok(isLoopback('127.8.0.1') && isLoopback('::1') && !isLoopback('128.0.0.1'));
  assert.ok(isMulticastOrBroadcast('224.0.0.1') && isMulticastOrBroadcast('ff02::1'));
  assert.ok(isMulticastOrBroadcast('255.255.255.255') && !isMulticastOrBroadcast('240.0.0.1'));
  assert.equal(parseIp('::ffff:1.2.3.4')?.length, 4);
});
