// What the router decided joined with what workers see, as data and as text.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { create } from '@bufbuild/protobuf';

import { viewRoutes } from '../../../src/admin/routes-endpoint.js';
import { routesText } from '../../../src/cli/routes-text.js';
import { EndpointState, InspectionSchema } from '../../../src/dataplane/gen/contract_pb.js';
import { type RouteDescription } from '../../../src/routing/route-description.js';

const ROUTES: RouteDescription = {
  services: [
    {
      name: 'web',
      names: ['web', 'web.mesh'],
      addresses: ['10.77.0.10'],
      ports: [{ port: 80, protocol: 'detect', targetId: 1, routeTableId: 0 }],
      dns: undefined,
    },
  ],
  destinations: [
    {
      id: 1,
      kind: 'service',
      address: { ip: '10.77.0.10', port: 80 },
      protocol: 'detect',
      targetId: 1,
      routeTableId: 0,
      authorities: [],
    },
    {
      id: 2,
      kind: 'outbound',
      address: { ip: '1.2.3.4', port: 443 },
      protocol: 'detect',
      targetId: 2,
      routeTableId: 0,
      authorities: [{ authority: 'example.test', targetId: 1, routeTableId: 0 }],
    },
  ],
  listeners: [],
  routeTables: [],
  targets: [
    {
      id: 1,
      authority: 'web:80',
      kind: 'balance',
      labels: {},
      endpoints: [
        { address: { ip: '127.0.0.1', port: 8081 }, weight: 1, labels: { zone: 'a' } },
        { address: { ip: '::1', port: 8082 }, weight: 2, labels: {} },
        { address: { ip: '127.0.0.1', port: 8083 }, weight: 1, labels: {} },
      ],
    },
    {
      id: 2,
      authority: '',
      kind: 'forward',
      labels: {},
      endpoints: [{ address: { ip: '1.2.3.4', port: 443 }, weight: 1, labels: {} }],
    },
  ],
};

const V6_LOOPBACK = Uint8Array.of(...new Array<number>(15).fill(0), 1);
const INSPECTION = create(InspectionSchema, {
  connections: 3n,
  bufferBytes: 4096n,
  targets: [
    {
      id: 1,
      waiting: 2,
      endpoints: [
        {
          address: { ip: Uint8Array.of(127, 0, 0, 1), port: 8081 },
          state: EndpointState.ENDPOINT_READY,
          inFlight: 5,
          idleConnections: 1,
          ewmaMs: 1.25,
        },
        {
          address: { ip: V6_LOOPBACK, port: 8082 },
          state: EndpointState.ENDPOINT_BACKOFF,
          lastErrno: 111,
          nextAttemptMs: 300,
        },
        // Removed a moment ago: the router does not know it any more.
        { address: { ip: Uint8Array.of(127, 0, 0, 9), port: 1 }, inFlight: 1 },
      ],
    },
  ],
});

const CAPTURE = { rung: 1, hooks: ['cgroup/connect4'], listeners: ['outbound 127.0.0.1:4140'] } as const;

test('endpoints of the router get the state that the workers see', () => {
  const view = viewRoutes(ROUTES, INSPECTION, CAPTURE);
  assert.equal(view.connections, 3);
  assert.equal(view.targets[0]?.waiting, 2);
  assert.deepEqual(
    view.targets[0].endpoints.map(({ live }) => live),
    [
      { state: 'ready', inFlight: 5, idleConnections: 1, ewmaMs: 1.25 },
      {
        state: 'backoff',
        inFlight: 0,
        idleConnections: 0,
        ewmaMs: 0,
        lastError: 'ECONNREFUSED',
        nextAttemptMs: 300,
      },
      undefined,
    ],
  );
  assert.deepEqual([view.targets[1]?.waiting, view.targets[1]?.endpoints.length], [0, 1]);
});

test('the text names capture, services, endpoints and everything else', () => {
  const lines = routesText(JSON.stringify(viewRoutes(ROUTES, INSPECTION, CAPTURE))).split('\n');
  assert.deepEqual(lines, [
    'capture      rung 1; hooks: cgroup/connect4',
    'listener     outbound 127.0.0.1:4140',
    'connections  3, 4096 bytes in buffers',
    '',
    'service web  (web, web.mesh)  10.77.0.10',
    '  port 80 (detect)',
    '    127.0.0.1:8081          weight 1  ready  5 in flight  1 idle  1.3 ms {zone=a}',
    '    [::1]:8082              weight 2  backoff  0 in flight  0 idle  last error ECONNREFUSED  next attempt in 300 ms',
    '    127.0.0.1:8083          weight 1  not in use',
    '    2 requests wait for an endpoint',
    '',
    'outbound 1.2.3.4:443 (detect)',
    '  1.2.3.4:443             weight 1  not in use',
    '  example.test',
    '    127.0.0.1:8081          weight 1  ready  5 in flight  1 idle  1.3 ms {zone=a}',
    '    [::1]:8082              weight 2  backoff  0 in flight  0 idle  last error ECONNREFUSED  next attempt in 300 ms',
    '    127.0.0.1:8083          weight 1  not in use',
    '    2 requests wait for an endpoint',
    '',
  ]);
});

for (const answer of ['no json', '{}', 'null', '[]']) {
  test(`an answer that is not sluice's is refused: ${answer}`, () => {
    assert.throws(() => routesText(answer), { name: 'AdminUnavailableError' });
  });
}
