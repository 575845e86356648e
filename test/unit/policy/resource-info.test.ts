// How resources are written, and which are built in.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { builtIn, isBuiltIn, type ResourceInfo, resourceText } from '../../../src/policy/resource-info.js';

const service: ResourceInfo = {
  group: 'core',
  kind: 'Service',
  namespace: 'shop',
  name: 'web',
  port: '80',
  section: '',
};

test('a resource is written as messages have it', () => {
  assert.equal(resourceText(builtIn('http')), 'default.http');
  assert.equal(resourceText(service), 'Service.shop.web:80');
  assert.equal(resourceText({ ...service, port: '' }), 'Service.shop.web');
});

test('what is built in has no group and the kind default', () => {
  assert.ok(isBuiltIn(builtIn('audit')));
  assert.ok(!isBuiltIn(service));
  assert.ok(!isBuiltIn({ ...builtIn('audit'), group: 'g' }));
});
