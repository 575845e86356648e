// Destination.Get: what a service's endpoints look like, and what is told of a change.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { toJson } from '@bufbuild/protobuf';

import { UpdateSchema } from '../../../src/api/gen/destination_pb.js';
import { fromIpAddress } from '../../../src/api/net-values.js';
import { StatusCode } from '../../../src/controller/answer.js';
import {
  endpointsAnswer,
  type EndpointsState,
  NO_SERVICE,
  updatesBetween,
} from '../../../src/controller/answers-endpoints.js';
import { anEndpoint } from '../../support/mesh-configs.js';
import { codeOf, viewOf } from '../../support/mesh-questions.js';

const WEB = `services:
  web:
    names: [web.default.svc.cluster.local]
    ports: [80, 81]
    endpoints:
      - 10.0.0.1:8080
      - { address: '10.0.0.2:8080', weight: 5, labels: { zone: b } }
    labels: { tier: front }
`;

function stateOf(text: string, path = 'web:80'): EndpointsState {
  const answer = endpointsAnswer(viewOf(text), path);
  assert.ok(answer.kind === 'answer');
  return answer.value;
}

function told(from: EndpointsState | undefined, to: EndpointsState): unknown[] {
  return updatesBetween(from, to).map((update) => toJson(UpdateSchema, update));
}

function ip(text: string): unknown {
  const { ip: value } = fromIpAddress(text);
  return { ipv4: value?.value };
}

test('endpoints come with their weights, and with labels of their own and of the service', () => {
  assert.deepEqual(told(undefined, stateOf(WEB)), [
    {
      add: {
        addrs: [
          { addr: { ip: ip('10.0.0.1'), port: 8080 }, weight: 1 },
          { addr: { ip: ip('10.0.0.2'), port: 8080 }, weight: 5, metricLabels: { zone: 'b' } },
        ],
        metricLabels: { service: 'web', tier: 'front' },
      },
    },
  ]);
});

test('PINGs of a service are told of each of its endpoints', () => {
  const text = WEB.replace(
    'names:',
    'http2Keepalive: { interval: 7s, timeout: 500ms, whileIdle: true }\n    names:',
  );
  const [first] = [...stateOf(text).entries.values()];
  const keepAlive = first?.message.http2?.keepAlive;
  assert.equal(keepAlive?.interval?.seconds, 7n);
  assert.equal(keepAlive.timeout?.nanos, 500_000_000);
  assert.equal(keepAlive.whileIdle, true);
});

for (const path of [
  'web:81',
  'web',
  'WEB:80',
  'web.default.svc.cluster.local:80',
  'web.default.svc.cluster.local.:80',
]) {
  test(`${path} is a name of the service`, () => {
    assert.equal(stateOf(WEB, path).entries.size, 2);
  });
}

for (const [path, code] of [
  ['api:80', StatusCode.NOT_FOUND],
  ['web:82', StatusCode.NOT_FOUND],
  ['10.0.0.1:8080', StatusCode.INVALID_ARGUMENT],
  ['[::1]:80', StatusCode.INVALID_ARGUMENT],
  ['', StatusCode.INVALID_ARGUMENT],
  ['web:0', StatusCode.INVALID_ARGUMENT],
  ['web:http', StatusCode.INVALID_ARGUMENT],
  ['we b:80', StatusCode.INVALID_ARGUMENT],
] as const) {
  test(`"${path}" is refused with ${String(code)}`, () => {
    assert.equal(codeOf(endpointsAnswer(viewOf(WEB), path)), code);
  });
}

test('a service without endpoints exists', () => {
  const state = stateOf('services: { web: { ports: [80], endpoints: [] } }');
  assert.deepEqual(told(undefined, state), [{ noEndpoints: { exists: true } }]);
  assert.deepEqual(told(state, state), []);
});

test('a service of the name system is pending until its name has been answered', () => {
  const text = 'services: { web: { ports: [80], dns: { name: web.example } } }';
  assert.deepEqual(endpointsAnswer(viewOf(text), 'web:80'), { kind: 'pending' });
  const found = new Map([['web', [anEndpoint('10.0.0.9:80')]]]);
  const answer = endpointsAnswer(viewOf(text, found), 'web:80');
  assert.ok(answer.kind === 'answer');
  assert.deepEqual([...answer.value.entries.keys()], ['10.0.0.9:80']);
});

test('only what changed is told: what came first, then what went', () => {
  const after = WEB.replace('- 10.0.0.1:8080', '- 10.0.0.3:8080');
  assert.deepEqual(told(stateOf(WEB), stateOf(after)), [
    {
      add: {
        addrs: [{ addr: { ip: ip('10.0.0.3'), port: 8080 }, weight: 1 }],
        metricLabels: { service: 'web', tier: 'front' },
      },
    },
    { remove: { addrs: [{ ip: ip('10.0.0.1'), port: 8080 }] } },
  ]);
});

test('an endpoint whose weight changed is told again, the others are not', () => {
  const [update, ...more] = updatesBetween(stateOf(WEB), stateOf(WEB.replace('weight: 5', 'weight: 6')));
  assert.equal(more.length, 0);
  assert.ok(update?.update.case === 'add');
  assert.deepEqual(
    update.update.value.addrs.map(({ weight }) => weight),
    [6],
  );
});

test('labels of the service that changed are told of every endpoint', () => {
  const [update] = updatesBetween(stateOf(WEB), stateOf(WEB.replace('tier: front', 'tier: back')));
  assert.ok(update?.update.case === 'add');
  assert.equal(update.update.value.addrs.length, 2);
  assert.equal(update.update.value.metricLabels['tier'], 'back');
});

test('nothing is told when nothing has changed', () => {
  assert.deepEqual(told(stateOf(WEB), stateOf(WEB)), []);
});

test('who knew a service learns that it is gone', () => {
  assert.deepEqual(told(stateOf(WEB), NO_SERVICE), [{ noEndpoints: {} }]);
});
