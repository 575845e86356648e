// What a mesh file says and proxies of the controller cannot be told.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { leftOut } from '../../../src/controller/left-out.js';
import { parsedMesh } from '../../support/mesh-questions.js';

function paths(text: string): readonly string[] {
  return leftOut(parsedMesh(text)).map(({ path }) => path);
}

function web(more: string, ports = '[80]'): string {
  return `services:
  web: { ports: ${ports}, endpoints: [], ${more} }
  api: { ports: [80], endpoints: [], circuitBreaker: {} }
`;
}

for (const [what, text, expected] of [
  ['nothing of a plain service', web(''), []],
  ['what endpoints speak', web('endpointProtocol: http2'), ['services.web.endpointProtocol']],
  ['budgets', web('routes: [{ retry: { on: [503], budget: {} } }]'), ['services.web.routes[0].retry.budget']],
  [
    'what failed',
    web('routes: [{}, { failureStatuses: [404] }]'),
    ['services.web.routes[1].failureStatuses'],
  ],
  [
    'gRPC codes to retry after, for routes of HTTP',
    web('routes: [{ retry: { on: [503], grpcOn: [internal] } }]'),
    ['services.web.routes[0].retry.grpcOn'],
  ],
  [
    'statuses to retry after, for routes of gRPC',
    web('routes: [{ kind: grpc, retry: { on: [503], grpcOn: [internal] } }]'),
    ['services.web.routes[0].retry.on'],
  ],
  [
    'answers with a gRPC code, for routes of HTTP',
    web('routes: [{ filters: [{ fail: { grpc: internal } }] }]'),
    ['services.web.routes[0].filters[0].fail'],
  ],
  [
    'changes of response headers, for routes of gRPC',
    web(
      'routes: [{ kind: grpc, backends: [{ service: web, filters: [{ responseHeaders: { remove: [a] } }] }] }]',
    ),
    ['services.web.routes[0].backends[0].filters[0].responseHeaders'],
  ],
  [
    'nothing of routes of ports that have none',
    web('routes: [{ filters: [{ fail: { grpc: internal } }] }]', '[{ port: 80, protocol: opaque }]'),
    [],
  ],
  ['the breaker of a backend', web('routes: [{ backends: [api] }]'), ['services.api.circuitBreaker']],
  ['the wait for a head', `${web('')}timeouts: { response: 1s }\n`, ['timeouts.response']],
] as const) {
  test(`told of: ${what}`, () => {
    assert.deepEqual(paths(text), expected);
  });
}

test('docs/controller.md explains every one of them', () => {
  const page = readFileSync('docs/controller.md', 'utf8');
  for (const key of [
    'endpointProtocol',
    'retry.budget',
    'retry.grpcOn',
    'retry.on',
    'failureStatuses',
    'circuitBreaker',
    'timeouts.response',
    'responseHeaders',
    'fail',
  ]) {
    assert.ok(page.includes(`\`${key}\``), key);
  }
});
