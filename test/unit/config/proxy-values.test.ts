// The grammars of variables of `sluice proxy`: what each takes, what it refuses, what it then says.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import {
  dnsName,
  dnsSuffixes,
  formatServiceAddress,
  hasDnsSuffix,
  identity,
  identityName,
  ipSet,
  isLoopbackService,
  nameServers,
  networks,
  portRanges,
  serviceAddress,
  socketAddress,
  socketAddresses,
} from '../../../src/config/proxy-address-values.js';
import {
  anyCaseWord,
  attributes,
  bool,
  count,
  decimal,
  duration,
  type Grammar,
  optionalDuration,
  path,
  pem,
  positiveCount,
  ratio,
  u32,
  unixSocket,
  word,
} from '../../../src/config/proxy-values.js';
import { containsPort } from '../../../src/core/ports.js';
import { TRUST_ANCHORS } from '../../support/proxy-environments.js';

interface Case {
  readonly grammar: Grammar<unknown>;
  readonly good: readonly (readonly [text: string, value: unknown])[];
  readonly bad: readonly string[];
}

const address = (ip: string, port: number): unknown => ({ kind: 'address', address: { ip, port } });
const LABEL_OF_64 = 'a'.repeat(64);

const CASES: readonly Case[] = [
  {
    grammar: duration,
    good: [
      ['0', 0],
      ['00', 0],
      ['0ms', 0],
      ['250ms', 250],
      ['10s', 10_000],
      [' 3m\t', 180_000],
      ['24h', 86_400_000],
      ['365d', 31_536_000_000],
    ],
    bad: ['', '1', '1.5s', '.5s', '1 s', '-1s', '+1s', '1S', '1m30s', '12moons', '99999999999999999999d'],
  },
  {
    grammar: optionalDuration,
    good: [
      ['', 'none'],
      ['5m', 300_000],
    ],
    bad: [' ', '5'],
  },
  {
    grammar: bool,
    good: [
      ['true', true],
      ['false', false],
    ],
    bad: ['', '1', 'True', 'yes', ' true'],
  },
  {
    grammar: count,
    good: [
      ['0', 0],
      ['+7', 7],
      ['007', 7],
      ['18446744073709551615', Number.MAX_SAFE_INTEGER],
    ],
    bad: ['', ' 1', '1 ', '-1', '1.0', '1e3', '0x10', '18446744073709551616'],
  },
  { grammar: u32, good: [['4294967295', 4_294_967_295]], bad: ['4294967296', '-1', ''] },
  { grammar: positiveCount, good: [['1', 1]], bad: ['0', '', 'one'] },
  {
    grammar: ratio,
    good: [
      ['1', 1],
      ['0.25', 0.25],
      ['.5', 0.5],
    ],
    bad: ['0', '1.01', '-0.5', 'NaN', ''],
  },
  {
    grammar: decimal,
    good: [
      ['0.1', 0.1],
      ['5.', 5],
      ['1e2', 100],
      ['-1', -1],
    ],
    bad: ['', 'inf', 'NaN', '0x1', '1 ', '1e999'],
  },
  { grammar: word('apache', 'json'), good: [['json', 'json']], bad: ['', 'JSON', 'xml'] },
  { grammar: anyCaseWord('auto', 'none'), good: [[' AUTO ', 'auto']], bad: ['', 'automatic'] },
  { grammar: path, good: [['/x', '/x']], bad: [''] },
  {
    grammar: unixSocket,
    good: [
      ['unix:/run/spire.sock', '/run/spire.sock'],
      ['unix:///run/spire.sock', '/run/spire.sock'],
      ['/run/spire.sock', '/run/spire.sock'],
    ],
    bad: ['', 'unix:'],
  },
  {
    grammar: pem,
    good: [[TRUST_ANCHORS, TRUST_ANCHORS]],
    bad: ['', 'certificate', '-----BEGIN CERTIFICATE-----'],
  },
  {
    grammar: attributes,
    good: [
      ['', new Map()],
      [
        'a="1"\nb=\nkey\n=c\r\nd==x',
        new Map([
          ['a', '1'],
          ['b', ''],
          ['', 'c'],
          ['d', '=x'],
        ]),
      ],
    ],
    bad: [],
  },
  {
    grammar: socketAddress,
    good: [
      ['127.0.0.1:0', { ip: '127.0.0.1', port: 0 }],
      ['[::]:4190', { ip: '::', port: 4190 }],
    ],
    bad: [
      '',
      '127.0.0.1',
      ':80',
      '::1:80',
      '127.0.0.1:65536',
      '127.0.0.1:x',
      ' 127.0.0.1:80',
      'localhost:80',
    ],
  },
  {
    grammar: socketAddresses,
    good: [
      ['127.0.0.1:1', [{ ip: '127.0.0.1', port: 1 }]],
      [
        '127.0.0.1:1,[::1]:1',
        [
          { ip: '127.0.0.1', port: 1 },
          { ip: '::1', port: 1 },
        ],
      ],
    ],
    bad: ['', '127.0.0.1:1,', '127.0.0.1:1, [::1]:1', '127.0.0.1:1,127.0.0.1:2,127.0.0.1:3'],
  },
  {
    grammar: serviceAddress,
    good: [
      ['10.0.0.1:80', address('10.0.0.1', 80)],
      ['[fd00::1]:80', address('fd00::1', 80)],
      [
        'Linkerd-Dst.svc.cluster.local.:8086',
        { kind: 'name', name: 'linkerd-dst.svc.cluster.local.', port: 8086 },
      ],
      ['localhost:80', { kind: 'name', name: 'localhost', port: 80 }],
    ],
    bad: ['', 'host', 'host:', 'host:x', 'a..b:80', '10.0.0.256:80', 'http://host:80', '-:80', 'host:80:80'],
  },
  {
    grammar: ipSet,
    good: [
      ['10.0.0.1,fd00::1', ['10.0.0.1', 'fd00::1']],
      ['FD00:0::1', ['fd00::1']],
    ],
    bad: ['', '10.0.0.1,', '10.0.0.1, 10.0.0.2', '10.0.0.0/8', '10.0.0.555', 'host'],
  },
  {
    grammar: portRanges,
    good: [
      ['', []],
      [' , ', []],
      ['25', [{ first: 25, last: 25 }]],
      [
        '1, 2,\t3- 5,,',
        [
          { first: 1, last: 1 },
          { first: 2, last: 2 },
          { first: 3, last: 5 },
        ],
      ],
      ['0-65535', [{ first: 0, last: 65_535 }]],
    ],
    bad: ['http', '80-79', '-1', '2-', '1-2-3', '65536', '1-65536'],
  },
  {
    grammar: networks,
    good: [
      ['', []],
      [
        '10.0.0.0/8, fd00::/8,',
        [
          { ip: '10.0.0.0', prefixLength: 8 },
          { ip: 'fd00::', prefixLength: 8 },
        ],
      ],
    ],
    bad: ['10.0.0.1', '10.0.0.0/33', '10.0.0.0/', 'net/8'],
  },
  {
    grammar: dnsSuffixes,
    good: [
      ['', []],
      [',,', []],
      ['.', ['']],
      ['svc.Cluster.local., example.com', ['svc.cluster.local', 'example.com']],
    ],
    bad: ['a .b', 'a..b', `${LABEL_OF_64}.com`, 'good,-bad'],
  },
  {
    grammar: dnsName,
    good: [
      ['Web.Example.com', 'web.example.com'],
      ['web.example.com.', 'web.example.com.'],
    ],
    bad: ['', '.', 'a b', 'a..b', '10.0.0.1', `${LABEL_OF_64}.com`],
  },
  { grammar: identityName, good: [['web.ns', 'web.ns']], bad: ['web.ns.', ''] },
  {
    grammar: identity,
    good: [
      ['web.ns', { kind: 'dns', id: 'web.ns' }],
      ['spiffe://root/web', { kind: 'uri', id: 'spiffe://root/web' }],
    ],
    bad: ['', 'web.ns.', 'spiffe:', '://x', 'a b'],
  },
  {
    grammar: nameServers,
    good: [
      ['', []],
      ['10.0.0.1, 10.0.0.2:5353,::1,[::1]:5353', ['10.0.0.1', '10.0.0.2:5353', '::1', '[::1]:5353']],
    ],
    bad: ['ns.example', '10.0.0.1:0', '10.0.0.1:99999'],
  },
];

for (const { grammar, good, bad } of CASES) {
  for (const [text, value] of good) {
    test(`${grammar.name}: ${JSON.stringify(text.slice(0, 60))} is taken`, () => {
      assert.deepEqual(grammar.parse(text), { ok: true, value });
    });
  }
  for (const text of bad) {
    test(`${grammar.name}: ${JSON.stringify(text.slice(0, 60))} is refused, and the error says what is expected`, () => {
      const parsed = grammar.parse(text);
      assert.ok(!parsed.ok, JSON.stringify(parsed));
      assert.match(parsed.error, /^expected |^host is not an IP address$/);
    });
  }
}

test('a name where an address belongs has its own error', () => {
  assert.deepEqual(socketAddress.parse('web:80'), { ok: false, error: 'host is not an IP address' });
});

test('a duration of any unit is the number times the unit', () => {
  const units = fc.constantFrom(['ms', 1], ['s', 1000], ['m', 60_000], ['h', 3_600_000], ['d', 86_400_000]);
  fc.assert(
    fc.property(fc.nat(1_000_000), units, (number, [unit, ms]) => {
      const parsed = duration.parse(`${String(number)}${unit}`);
      assert.deepEqual(parsed, { ok: true, value: number * ms });
    }),
  );
});

test('a set of ports holds what its ranges hold and nothing else', () => {
  const range = fc
    .tuple(fc.nat(65_535), fc.nat(65_535))
    .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
  fc.assert(
    fc.property(fc.array(range), fc.nat(65_535), (ranges, port) => {
      const parsed = portRanges.parse(
        ranges.map(([first, last]) => `${String(first)}-${String(last)}`).join(' , '),
      );
      assert.ok(parsed.ok);
      assert.equal(
        containsPort(parsed.value, port),
        ranges.some(([first, last]) => first <= port && port <= last),
      );
    }),
  );
});

test('no grammar throws, whatever the text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      for (const { grammar } of CASES) grammar.parse(text);
    }),
  );
});

for (const [text, expected] of [
  ['127.0.0.1:80', true],
  ['127.9.9.9:80', true],
  ['[::1]:80', true],
  ['localhost:80', true],
  ['LocalHost.:80', true],
  ['10.0.0.1:80', false],
  ['localhost.example:80', false],
] as const) {
  test(`${text} is ${expected ? '' : 'not '}on loopback`, () => {
    const parsed = serviceAddress.parse(text);
    assert.ok(parsed.ok);
    assert.equal(isLoopbackService(parsed.value), expected);
  });
}

test('the address of a service is written as it is read', () => {
  for (const text of ['10.0.0.1:80', '[fd00::1]:80', 'a.b.:1']) {
    const parsed = serviceAddress.parse(text);
    assert.ok(parsed.ok);
    assert.equal(formatServiceAddress(parsed.value), text);
  }
});

test('a name has a suffix when it is that name or under it, and every name has the root', () => {
  assert.ok(hasDnsSuffix(['svc.cluster.local'], 'web.ns.svc.Cluster.local.'));
  assert.ok(hasDnsSuffix(['svc.cluster.local'], 'svc.cluster.local'));
  assert.ok(!hasDnsSuffix(['svc.cluster.local'], 'notsvc.cluster.local'));
  assert.ok(!hasDnsSuffix([], 'web'));
  assert.ok(hasDnsSuffix([''], 'anything.at.all'));
});
