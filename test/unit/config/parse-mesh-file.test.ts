// The mesh file: what a good one means, and where each mistake of a bad one is told to be.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';

import fc from 'fast-check';

import { DEFAULT_OPAQUE_PORTS, defaultMeshConfig } from '../../../src/config/defaults.js';
import type { MeshConfig } from '../../../src/config/mesh-config.js';
import { formatMeshFileError, parseMeshFile } from '../../../src/config/parse-mesh-file.js';

function good(text: string): MeshConfig {
  const parsed = parseMeshFile(text, 'mesh.yaml');
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.error.map(formatMeshFileError).join('\n'));
  return parsed.value;
}

function mistakes(text: string): readonly string[] {
  const parsed = parseMeshFile(text, 'mesh.yaml');
  assert.ok(!parsed.ok, 'the file should have been refused');
  return parsed.error.map(formatMeshFileError);
}

describe('a good mesh file', () => {
  test('an empty mapping is the default configuration', () => {
    assert.deepEqual(good('{}'), defaultMeshConfig);
  });

  test('the example has every key, and its defaults are those of the code', () => {
    const config = good(readFileSync('examples/mesh.yaml', 'utf8'));
    assert.deepEqual(config.timeouts, defaultMeshConfig.timeouts);
    assert.deepEqual(config.balancer, defaultMeshConfig.balancer);
    assert.deepEqual(
      config.opaquePorts.slice(0, DEFAULT_OPAQUE_PORTS.length).map(({ first }) => first),
      DEFAULT_OPAQUE_PORTS.map(({ first }) => first),
    );
    assert.equal(config.services.length, 2);
    assert.deepEqual(config.services[1]?.dns, {
      name: 'api.internal.example',
      records: 'a+aaaa',
      port: 8080,
      minTtlMs: 5000,
      maxTtlMs: 300_000,
    });
  });

  test('a service has its key as first name, canonical addresses and whole endpoints', () => {
    const [web] = good(`
services:
  Web:
    names: [WEB.Mesh., web]
    addresses: [10.77.0.10, 'FD00:0::10']
    ports: [80, {port: 81, protocol: opaque}, 5432, {port: 3306, protocol: http1}, {port: 50051, protocol: http2}, {port: 443, protocol: tls}]
    endpoints: [127.0.0.1:8081, {address: '[::1]:8082', weight: 2, labels: {zone: a}}]
    labels: {tier: front}
    endpointProtocol: http1
`).services;
    assert.deepEqual(web, {
      name: 'web',
      names: ['web', 'web.mesh'],
      addresses: ['10.77.0.10', 'fd00::10'],
      ports: [
        { port: 80, protocol: 'detect' },
        { port: 81, protocol: 'opaque' },
        { port: 5432, protocol: 'opaque' },
        { port: 3306, protocol: 'http1' },
        { port: 50_051, protocol: 'http2' },
        { port: 443, protocol: 'tls' },
      ],
      endpoints: [
        { address: { ip: '127.0.0.1', port: 8081 }, weight: 1, labels: {} },
        { address: { ip: '::1', port: 8082 }, weight: 2, labels: { zone: 'a' } },
      ],
      dns: undefined,
      labels: { tier: 'front' },
      endpointProtocol: 'http1',
      http2Keepalive: undefined,
      circuitBreaker: undefined,
      loadPenalty: undefined,
      routes: [],
      tcp: undefined,
    });
  });

  test('endpoints are spoken to as the client speaks unless the file says otherwise', () => {
    const config = good(`services: {a: {ports: [80], endpoints: []}}`);
    assert.equal(config.services[0]?.endpointProtocol, 'as-client');
  });

  test('a name of the name system needs no port when the service has one', () => {
    const config = good(
      `services: {a: {ports: [80], dns: {name: a.example}}, b: {ports: [1, 2], dns: {name: _b._tcp.example, records: srv}}}`,
    );
    assert.equal(config.services[0]?.dns?.port, 80);
    assert.equal(config.services[1]?.dns?.port, undefined);
  });

  test('forwards name services by any name, and the port may be left out when there is one', () => {
    const { forwards } = good(`
services: {web: {names: [web.mesh], ports: [80], endpoints: []}}
forwards: [{listen: 127.0.0.1:0, to: web.mesh}, {listen: 127.0.0.1:0, to: 'web:80'}, {listen: '[::1]:9', to: 192.0.2.1:7}]
`);
    assert.deepEqual(
      forwards.map(({ to }) => to),
      [
        { service: 'web', port: 80 },
        { service: 'web', port: 80 },
        { ip: '192.0.2.1', port: 7 },
      ],
    );
  });

  test('services may share an address when their ports differ', () => {
    assert.equal(
      good(
        `services: {a: {addresses: [10.0.0.1], ports: [80], endpoints: []}, b: {addresses: [10.0.0.1], ports: [81], endpoints: []}}`,
      ).services.length,
      2,
    );
  });

  test('anchors and aliases work', () => {
    const config = good(`
services:
  a: {ports: &ports [80], endpoints: &all [127.0.0.1:1]}
  b: {ports: *ports, endpoints: *all}
`);
    assert.deepEqual(config.services[1]?.endpoints, config.services[0]?.endpoints);
  });

  test('nothing of a configuration can be changed', () => {
    const config = good(`services: {a: {ports: [80], endpoints: [127.0.0.1:1], labels: {x: y}}}`);
    const parts: unknown[] = [
      config,
      config.services,
      config.services[0]?.labels,
      config.services[0]?.endpoints[0]?.address,
    ];
    assert.ok(parts.every((part) => Object.isFrozen(part)));
  });
});

describe('a mistake in a mesh file', () => {
  const cases: readonly (readonly [what: string, text: string, expected: readonly RegExp[]])[] = [
    ['an empty file', '# nothing\n', [/^mesh.yaml:1:1: the file is empty/]],
    ['broken YAML', 'services: {a: [\n', [/^mesh.yaml:2:1: /, /^mesh.yaml:2:1: /]],
    ['a key given twice', 'skip: {}\nskip: {}\n', [/^mesh.yaml:2:1: Map keys must be unique/]],
    ['several documents', '{}\n---\n{}\n', [/^mesh.yaml:2:1: /]],
    ['an alias to nothing', 'services: *web\n', [/^mesh.yaml:1:1: .*alias/i]],
    ['a list in place of the file', '- a\n', [/^mesh.yaml:1:1: must be a mapping, but is a list/]],
    ['an unknown key', 'service: {}\n', [/^mesh.yaml:1:1: service is not known; did you mean "services"\?/]],
    ['a key like no other', 'foo: 1\n', [/^mesh.yaml:1:1: foo is not known; known here: services, /]],
    ['a reserved key', 'services: {constructor: {}}\n', [/^mesh.yaml:1:12: "constructor" cannot be a key/]],
    ['a key that is no word', 'services: {? [a] : 1}\n', [/a key must be a word/]],
    [
      'a wrong duration',
      'timeouts:\n  connect: 10\n',
      [/^mesh.yaml:2:12: timeouts.connect must be a duration .* but is 10$/],
    ],
    [
      'a duration that may not be 0',
      'timeouts: {connect: 0, response: 0}\n',
      [/:1:21: timeouts.connect must be longer than 0$/],
    ],
    ['a duration beyond all timers', 'timeouts: {connect: 30d}\n', [/timeouts.connect must be a duration/]],
    [
      'a number out of range',
      'balancer: {backoffJitter: 1.5, queueCapacity: 0.5}\n',
      [/backoffJitter must be a number from 0 to 1, but is 1.5/, /queueCapacity must be a whole number/],
    ],
    [
      'bounds the wrong way round',
      'balancer: {backoffMin: 2m}\n',
      [/:1:24: balancer.backoffMin makes backoffMin \(2m\) larger than backoffMax \(1m\)/],
    ],
    [
      'a network with host bits',
      'skip: {networks: [10.1.2.3/8]}\n',
      [/skip.networks\[0\] has bits set after its prefix; did you mean 10.0.0.0\/8\?/],
    ],
    [
      'overlapping ports',
      'opaquePorts: [5000-5010, 25, 5005]\n',
      [/opaquePorts\[2\] 5005 overlaps 5000-5010 at opaquePorts\[0\] \(line 1\)/],
    ],
    ['a reversed range', 'opaquePorts: [10-5]\n', [/opaquePorts\[0\] must be a port or a range/]],
    [
      "listeners in each other's place",
      'httpProxy: 127.0.0.1:80\nadmin: {address: 0.0.0.0:80}\n',
      [/^mesh.yaml:2:18: admin.address 0.0.0.0:80 is taken by httpProxy \(line 1\)/],
    ],
    [
      'a forward to nothing',
      'services: {web: {ports: [80], endpoints: []}}\nforwards: [{listen: 127.0.0.1:1, to: wep}]\n',
      [/forwards\[0\].to names "wep", .*did you mean "web"\?/],
    ],
    [
      'a forward to a port that is not there',
      'services: {web: {ports: [80, 81], endpoints: []}}\nforwards: [{listen: 127.0.0.1:1, to: "web:82"}, {listen: 127.0.0.1:2, to: web}]\n',
      [/has port 82, but service web has 80, 81/, /needs a port: service web has 80, 81/],
    ],
    [
      'a service without endpoints',
      'services:\n  web:\n    ports: [80]\n',
      [/^mesh.yaml:2:3: services.web needs endpoints or dns/],
    ],
    [
      'a service without ports',
      'services: {web: {ports: [], endpoints: []}, api: {endpoints: []}}\n',
      [/services.web.ports needs at least one port/, /services.api.ports is missing/],
    ],
    [
      'two sources of endpoints',
      'services: {web: {ports: [80], endpoints: [], dns: {name: a.example}}}\n',
      [/services.web.dns stands beside endpoints/],
    ],
    [
      'a name as address',
      'services: {web: {ports: [80], endpoints: [localhost:80]}}\n',
      [/endpoints\[0\] must be an IP address and port .* but is "localhost:80"/],
    ],
    [
      'addresses nobody has',
      'services: {web: {addresses: [0.0.0.0, 224.0.0.1], ports: [80], endpoints: [0.0.0.0:80, 10.0.0.1:0]}}\n',
      [/addresses\[0\]/, /addresses\[1\]/, /endpoints\[0\]/, /endpoints\[1\]/],
    ],
    [
      'an endpoint given twice',
      'services: {web: {ports: [80], endpoints: ["[::1]:1", "[0::1]:1"]}}\n',
      [/endpoints\[1\] endpoint \[::1\]:1 is given twice, first at services.web.endpoints\[0\] \(line 1\)/],
    ],
    [
      'a port given twice',
      'services: {web: {ports: [80, {port: 80}], endpoints: []}}\n',
      [/ports\[1\] port 80 is given twice/],
    ],
    [
      'a name of another service',
      'services:\n  web: {ports: [80], endpoints: []}\n  api: {names: [WEB], ports: [80], endpoints: []}\n',
      [/^mesh.yaml:3:17: services.api.names\[0\] "web" is already a name of services.web \(line 2\)/],
    ],
    [
      'an address of another service',
      'services:\n  web: {addresses: [10.0.0.1], ports: [80], endpoints: []}\n  api: {addresses: [10.0.0.1], ports: [80], endpoints: []}\n',
      [
        /^mesh.yaml:3:21: services.api.addresses\[0\] 10.0.0.1:80 is already an address of services.web.addresses\[0\] \(line 2\)/,
      ],
    ],
    [
      'an address given twice',
      'services: {web: {addresses: [10.0.0.1, "::ffff:10.0.0.1"], ports: [80], endpoints: []}}\n',
      [/addresses\[1\] 10.0.0.1 is given twice/],
    ],
    [
      'a port that is never captured',
      'services: {web: {addresses: [10.0.0.1], ports: [80], endpoints: []}}\nskip: {ports: [70-90]}\n',
      [/skip.ports\[0\] has port 80 of services.web/],
    ],
    [
      'a weight, a label and a protocol',
      'services: {web: {ports: [{port: 80, protocol: http3}], endpoints: [{address: 10.0.0.1:1, weight: 0, labels: {a-b: x, n: 1}}]}}\n',
      [
        /protocol must be detect, http1, http2, opaque or tls, but is "http3"/,
        /weight must be a whole number from 1 to 10000, but is 0/,
        /labels.a-b may only have letters/,
        /labels.n must be text, but is 1; put it in quotes/,
      ],
    ],
    [
      'an endpoint without address',
      'services: {web: {ports: [80], endpoints: [{weight: 1}]}}\n',
      [/endpoints\[0\].address is missing/],
    ],
    [
      'a port with SRV, and several ports without one',
      'services: {a: {ports: [80], dns: {name: a.example, records: srv, port: 1}}, b: {ports: [1, 2], dns: {name: b.example}}}\n',
      [/dns.port is not used with srv/, /services.b.dns needs a port/],
    ],
    [
      'times to live the wrong way round',
      'services: {a: {ports: [80], dns: {name: a.example, minTtl: 10m}}}\n',
      [/dns.minTtl makes minTtl \(10m\) larger than maxTtl \(5m\)/],
    ],
    [
      'a name that is none',
      'services: {"a b": {names: [10.0.0.1], ports: [80], endpoints: []}}\n',
      [/services.a b is not a host name/, /names\[0\] must be a host name/],
    ],
    [
      'nothing where something belongs',
      'services:\nopaquePorts:\n',
      [
        /services must be a mapping of names to services, but is empty/,
        /opaquePorts must be a list, but is empty/,
      ],
    ],
  ];
  for (const [what, text, expected] of cases) {
    test(`is told with its place: ${what}`, () => {
      const told = mistakes(text);
      assert.equal(told.length, expected.length, told.join('\n'));
      for (const [index, pattern] of expected.entries()) assert.match(told[index] ?? '', pattern);
    });
  }

  test('does not hide others: malformed values and contradictions are told together, by line', () => {
    const told = mistakes(`
services:
  web:
    addresses: [10.0.0.1]
    prots: [80]
    ports: [80]
    endpoints: [127.0.0.1:1, oops, 127.0.0.1:1]
  api:
    names: [web]
    addresses: [10.0.0.1]
    ports: [80, 99999]
    endpoints: []
forwards: [{listen: 127.0.0.1:1, to: nothing}]
`);
    assert.deepEqual(
      told.map((line) => line.replace(/^mesh.yaml:(\d+):\d+: (\S+).*/s, '$1 $2')),
      [
        '5 services.web.prots',
        '7 services.web.endpoints[1]',
        '7 services.web.endpoints[2]',
        '9 services.api.names[0]',
        '10 services.api.addresses[0]',
        '11 services.api.ports[1]',
        '13 forwards[0].to',
      ],
    );
  });

  test('of an alias is where the alias leads', () => {
    assert.match(
      mistakes(
        'services:\n  a: {ports: [80], endpoints: &e [oops]}\n  b: {ports: [80], endpoints: *e}\n',
      )[1] ?? '',
      /^mesh.yaml:2:35: services.b.endpoints\[0\]/,
    );
  });
});

test('no text makes the parser throw', () => {
  const yaml = fc.oneof(fc.string(), fc.json(), fc.stringMatching(/^[a-z:\n {}[\],&*!|>'"#-]{0,80}$/));
  fc.assert(
    fc.property(yaml, (text) => {
      const parsed = parseMeshFile(text, 'f');
      assert.ok(parsed.ok || parsed.error.length > 0);
    }),
    { numRuns: 500 },
  );
});
