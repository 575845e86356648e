// Destination.GetProfile and InboundServerPolicies.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { JsonValue } from '@bufbuild/protobuf';

import { DestinationProfileSchema } from '../../../src/api/gen/destination_pb.js';
import { ServerSchema } from '../../../src/api/gen/inbound_pb.js';
import { StatusCode } from '../../../src/controller/answer.js';
import { inboundAnswer } from '../../../src/controller/answers-inbound.js';
import { profileAnswer } from '../../../src/controller/answers-profile.js';
import { anEndpoint } from '../../support/mesh-configs.js';
import { codeOf, messageOf, viewOf } from '../../support/mesh-questions.js';

const FILE = `services:
  web:
    names: [web.mesh]
    addresses: [10.96.0.10, 'fd00::10']
    ports: [80, { port: 443, protocol: tls }, 5432]
    endpoints: [{ address: '10.0.0.1:8080', weight: 3, labels: { zone: a } }, '10.0.0.1:5432']
    labels: { zone: all, tier: front }
  late: { ports: [80], dns: { name: late.example } }
`;

function profile(path: string): JsonValue {
  return messageOf(DestinationProfileSchema, profileAnswer(viewOf(FILE), path));
}

const WEB_80 = {
  fullyQualifiedName: 'web',
  parentRef: { resource: { group: 'core', kind: 'Service', name: 'web', namespace: 'mesh', port: 80 } },
};

for (const path of ['10.96.0.10:80', '[fd00::10]:80', 'web:80', 'web.mesh:80', 'web.mesh.:80', 'web']) {
  test(`${path} is the service`, () => {
    assert.deepEqual(profile(path), WEB_80);
  });
}

test('a port that is opaque is told so, one of TLS is not', () => {
  const isOpaque = (path: string): unknown => (profile(path) as Record<string, unknown>)['opaqueProtocol'];
  assert.equal(isOpaque('web:5432'), true);
  assert.equal(isOpaque('10.96.0.10:5432'), true);
  assert.equal(isOpaque('web:443'), undefined);
});

test('a port that a service does not have says nothing', () => {
  assert.deepEqual(profile('web:9999'), {});
});

test('an endpoint of a service is one endpoint, with its labels before those of the service', () => {
  assert.deepEqual(profile('10.0.0.1:8080'), {
    endpoint: {
      addr: { ip: { ipv4: 0x0a_00_00_01 }, port: 8080 },
      weight: 3,
      metricLabels: { service: 'web', zone: 'a', tier: 'front' },
    },
  });
});

test('an endpoint that the name system told of is known too', () => {
  const found = new Map([['late', [anEndpoint('10.0.0.9:80')]]]);
  const answer = profileAnswer(viewOf(FILE, found), '10.0.0.9:80');
  assert.ok(answer.kind === 'answer');
  assert.equal(answer.value.endpoint?.metricLabels['service'], 'late');
});

test('any other address is itself', () => {
  assert.deepEqual(profile('192.0.2.7:443'), {
    endpoint: { addr: { ip: { ipv4: 0xc0_00_02_07 }, port: 443 }, weight: 1 },
  });
});

test('an address on a port that is never looked into is opaque', () => {
  const opaque = (path: string): unknown => (profile(path) as Record<string, unknown>)['opaqueProtocol'];
  assert.equal(opaque('192.0.2.7:3306'), true);
  assert.equal(opaque('10.0.0.1:5432'), true);
});

for (const path of ['example.com:80', 'web:x', '', '10.0.0.1:0']) {
  test(`"${path}" is refused for good, so that no request waits for it`, () => {
    assert.equal(codeOf(profileAnswer(viewOf(FILE), path)), StatusCode.INVALID_ARGUMENT);
  });
}

test('a port accepts everybody without authentication, and detects', () => {
  const text = `${FILE}timeouts: { detect: 3s }\n`;
  const server = messageOf(ServerSchema, inboundAnswer(viewOf(text), 8080)) as Record<string, unknown>;
  assert.deepEqual(server['protocol'], { detect: { timeout: '3s' } });
  assert.deepEqual(server['labels'], { group: '', kind: 'default', name: 'all-unauthenticated' });
  assert.deepEqual(server['authorizations'], [
    {
      // Both families, with prefixes of length 0.
      networks: [{ net: { ip: { ipv4: 0 } } }, { net: { ip: { ipv6: {} } } }],
      authentication: { unauthenticated: {} },
      metadata: { default: 'all-unauthenticated' },
    },
  ]);
});

test('a port that is never looked into is opaque', () => {
  const server = messageOf(ServerSchema, inboundAnswer(viewOf(FILE), 5432)) as Record<string, unknown>;
  assert.deepEqual(server['protocol'], { opaque: {} });
});

for (const port of [0, 65_536]) {
  test(`port ${String(port)} is none`, () => {
    assert.equal(codeOf(inboundAnswer(viewOf(FILE), port)), StatusCode.INVALID_ARGUMENT);
  });
}
