// Ids of routes and backends: the same as long as the same is meant, and never anything else.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { RouteTableIds } from '../../../src/routing/route-table-ids.js';

test('the same route, backend and budget have the same id again', () => {
  const ids = new RouteTableIds();
  assert.deepEqual(ids.route('web', 80, 'http', 'a'), ids.route('web', 80, 'http', 'a'));
  assert.equal(ids.backend('web', 80), ids.backend('web', 80));
  assert.equal(ids.budget('web', 'a'), ids.budget('web', 'a'));
});

test('whatever differs has an id of its own', () => {
  const ids = new RouteTableIds();
  const all = [
    ids.route('web', 80, 'http', 'a').id,
    ids.route('web', 81, 'http', 'a').id,
    ids.route('web', 80, 'grpc', 'a').id,
    ids.route('web', 80, 'http', 'b').id,
    ids.route('api', 80, 'http', 'a').id,
    ids.route('web', 80, 'http', 'default').id,
    ids.defaultRoute('web', 80, 'http').id,
    ids.defaultRoute('web', 80, 'tcp').id,
    ids.backend('web', 80),
    ids.backend('web', 81),
    ids.budget('web', 'a'),
  ];
  assert.equal(new Set(all).size, all.length);
  assert.ok(!all.includes(0));
});

test('a route is described in the words of linkerd, with the service as its parent', () => {
  const ids = new RouteTableIds();
  const { id, name } = ids.route('web', 80, 'http', 'canary');
  assert.equal(name, 'HTTPRoute.web.canary');
  assert.deepEqual(ids.routeInfo(id), {
    kind: 'http',
    name,
    parent: { group: 'core', kind: 'Service', namespace: '', name: 'web', port: '80', section: '' },
    route: { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: '', name: 'canary' },
  });
  assert.deepEqual(ids.routeInfo(ids.defaultRoute('web', 80, 'tcp').id)?.route, {
    group: '',
    kind: 'default',
    namespace: '',
    name: 'tcp',
  });
  assert.equal(ids.backendInfo(ids.backend('api', 8080))?.name, 'api');
});

test('an id of another kind describes nothing', () => {
  const ids = new RouteTableIds();
  assert.equal(ids.routeInfo(ids.backend('web', 80)), undefined);
  assert.equal(ids.backendInfo(ids.route('web', 80, 'http', 'a').id), undefined);
});
