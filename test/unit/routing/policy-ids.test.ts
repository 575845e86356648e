// Ids of what policies speak of.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { builtIn, type ResourceInfo } from '../../../src/policy/resource-info.js';
import { PolicyIds } from '../../../src/routing/policy-ids.js';

const service = (name: string, parts: Partial<ResourceInfo> = {}): ResourceInfo => ({
  group: 'core',
  kind: 'Service',
  namespace: 'shop',
  name,
  port: '80',
  section: '',
  ...parts,
});

test('the same route of the same parent keeps its id; any other has another', () => {
  const ids = new PolicyIds();
  const { id } = ids.route('http', service('web'), builtIn('http'));
  assert.equal(ids.route('http', service('web'), builtIn('http')).id, id);
  const others = [
    ids.route('grpc', service('web'), builtIn('http')),
    ids.route('http', service('web', { port: '81' }), builtIn('http')),
    ids.route('http', service('web', { namespace: 'test' }), builtIn('http')),
    ids.route('http', service('web'), builtIn('other')),
  ].map((other) => other.id);
  assert.equal(new Set([id, ...others]).size, 5);
});

test('an id of a route says what it is of', () => {
  const ids = new PolicyIds();
  const route = service('main', { group: 'g', kind: 'HTTPRoute', port: '' });
  const { id, name } = ids.route('http', service('web'), route);
  assert.equal(name, 'HTTPRoute.shop.main');
  assert.deepEqual(ids.routeInfo(id), { kind: 'http', name, parent: service('web'), route });
  assert.equal(ids.routeInfo(id + 1), undefined);
});

test('a route of a profile is told by its labels, whatever their order', () => {
  const ids = new PolicyIds();
  const one = ids.profileRoute('web:80', service('web'), { route: 'GET /', team: 'a' });
  assert.equal(one.name, 'ServiceProfile.web:80.GET /');
  assert.equal(ids.profileRoute('web:80', service('web'), { team: 'a', route: 'GET /' }).id, one.id);
  assert.notEqual(ids.profileRoute('web:81', service('web'), { team: 'a', route: 'GET /' }).id, one.id);
  assert.deepEqual(ids.routeInfo(one.id)?.profile, {
    dst: 'web:80',
    labels: { route: 'GET /', team: 'a' },
  });
  assert.equal(ids.profileRoute('web:80', service('web'), {}).name, 'ServiceProfile.web:80.default');
});

test('one resource in several parts has an id for each, which says what it is', () => {
  const ids = new PolicyIds();
  const web = service('web');
  const all = [ids.backend(web), ids.server(web), ids.authorization(web), ids.rateLimit(web)];
  assert.equal(new Set(all).size, 4);
  assert.deepEqual(all, [ids.backend(web), ids.server(web), ids.authorization(web), ids.rateLimit(web)]);
  const [backend = 0, server = 0, authorization = 0, rateLimit = 0] = all;
  assert.deepEqual(ids.backendInfo(backend), web);
  assert.deepEqual(ids.resourceInfo(server), web);
  assert.deepEqual(ids.resourceInfo(authorization), web);
  assert.deepEqual(ids.resourceInfo(rateLimit), web);
});

test('a budget is shared by the routes of a destination', () => {
  const ids = new PolicyIds();
  assert.equal(ids.budget('web:80'), ids.budget('web:80'));
  assert.notEqual(ids.budget('web:80'), ids.budget('web:81'));
  assert.equal(ids.backendInfo(ids.budget('web:80')), undefined);
});
