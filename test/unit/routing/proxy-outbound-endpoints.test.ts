// What the outbound side does with the endpoints of balancers.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { aMeshEndpoint } from '../../support/fake-control-plane.js';
import { aPolicy, pathOf } from '../../support/proxy-messages.js';
import { FAIL_FAST_MS, ProxyRouterFixture } from '../../support/proxy-router-fixture.js';

const WEB = '10.43.0.10:8080';
const OUTSIDE = '192.0.2.1:443';
const INVALID_ARGUMENT = 3;

/** Everything that is asked about WEB has been answered; `web` has one endpoint. */
function served(policy = aPolicy()): Promise<ProxyRouterFixture> {
  return ProxyRouterFixture.serving(WEB, policy);
}

// -------------------------------------------------------------------------------- waiting for endpoints

test('connections wait for the endpoints of the balancers', async () => {
  const proxy = await ProxyRouterFixture.started();
  proxy.connect(OUTSIDE);
  proxy.policy(OUTSIDE).answer(aPolicy({ http: { web: {}, canary: {} } }));
  assert.equal(proxy.isKnown(OUTSIDE), false);
  proxy.answerEndpoints(pathOf('web'), '10.1.0.1:80');
  assert.equal(proxy.isKnown(OUTSIDE), false);
  proxy.answerEndpoints(pathOf('canary'), '10.1.0.2:80');
  assert.deepEqual(proxy.behind(OUTSIDE), ['10.1.0.1:80', '10.1.0.2:80']);
});

test('a backend whose endpoints nobody tells does not hold up the others for long', async () => {
  const proxy = await ProxyRouterFixture.started();
  proxy.connect(OUTSIDE);
  proxy.policy(OUTSIDE).answer(aPolicy({ http: { web: {}, canary: {} } }));
  proxy.clock.advance(100);
  proxy.answerEndpoints(pathOf('web'), '10.1.0.1:80');
  proxy.clock.advance(499);
  assert.equal(proxy.isKnown(OUTSIDE), false);
  proxy.clock.advance(1);
  assert.deepEqual(proxy.behind(OUTSIDE), ['10.1.0.1:80']);
});

test('when no endpoints are told at all connections wait for the fail-fast time-out', async () => {
  const proxy = await ProxyRouterFixture.started();
  proxy.connect(OUTSIDE);
  proxy.policy(OUTSIDE).answer(aPolicy());
  proxy.clock.advance(FAIL_FAST_MS - 1);
  assert.equal(proxy.isKnown(OUTSIDE), false);
  proxy.clock.advance(1);
  assert.deepEqual(proxy.behind(OUTSIDE), []);
  assert.equal(proxy.clock.waiting, 0);
  proxy.answerEndpoints(pathOf('web'), '10.1.0.1:80');
  assert.deepEqual(proxy.behind(OUTSIDE), ['10.1.0.1:80']);
});

test('a service that is told to have no endpoints is not waited for', async () => {
  const proxy = await ProxyRouterFixture.started();
  proxy.connect(OUTSIDE);
  proxy.policy(OUTSIDE).answer(aPolicy());
  proxy.answerEndpoints(pathOf('web'));
  assert.deepEqual(proxy.behind(OUTSIDE), []);
});

test('a new backend takes effect when its endpoints are known, and the old one serves until then', async () => {
  const proxy = await served();
  const before = proxy.table(WEB);
  proxy.policy(WEB).answer(aPolicy({ http: { next: {} } }));
  assert.equal(proxy.table(WEB), before);
  assert.deepEqual(proxy.behind(WEB), ['10.1.0.1:80']);
  proxy.answerEndpoints(pathOf('next'), '10.1.0.2:80');
  assert.deepEqual(proxy.behind(WEB), ['10.1.0.2:80']);
  assert.equal(proxy.dataPlane.targets.size, 1);
  assert.ok(!proxy.controlPlane.open.includes(pathOf('web')));
});

test('a plan that is overtaken before it took effect leaves nothing behind', async () => {
  const proxy = await served();
  proxy.policy(WEB).answer(aPolicy({ http: { next: {} } }));
  proxy.policy(WEB).answer(aPolicy());
  assert.ok(!proxy.controlPlane.open.includes(pathOf('next')));
  assert.equal(proxy.dataPlane.targets.size, 1);
  proxy.clock.advance(FAIL_FAST_MS);
  assert.deepEqual(proxy.behind(WEB), ['10.1.0.1:80']);
});

// -------------------------------------------------------------------------------- endpoints

test('a removed endpoint is told to the data plane at once', async () => {
  const proxy = await served();
  proxy.answerEndpoints(pathOf('web'), '10.1.0.1:80', '10.1.0.2:80');
  proxy.answerEndpoints(pathOf('web'), '10.1.0.2:80');
  assert.deepEqual(proxy.behind(WEB), ['10.1.0.2:80']);
  const [targetId = 0] = proxy.httpTargets(WEB).values();
  const removed = proxy.router.targetInfo(targetId)?.removedEndpoints();
  assert.deepEqual(
    removed?.map(({ address }) => address.ip),
    ['10.1.0.1'],
  );
});

test('what happens to endpoints is logged by address', async () => {
  const proxy = await served();
  proxy.answerEndpoints(pathOf('web'), '10.1.0.1:80', '10.1.0.2:80');
  proxy.answerEndpoints(pathOf('web'), aMeshEndpoint('10.1.0.1:80', { labels: { pod: 'a' } }), '10.1.0.2:80');
  proxy.answerEndpoints(pathOf('web'), '10.1.0.2:80');
  assert.deepEqual(
    proxy.logger.at('info').map(({ message, fields }) => [message, fields['addr']]),
    [
      ['Adding endpoint', '10.1.0.1:80'],
      ['Adding endpoint', '10.1.0.2:80'],
      ['Updating endpoint', '10.1.0.1:80'],
      ['Removing endpoint', '10.1.0.1:80'],
    ],
  );
});

test('the same endpoints again are neither sent nor logged', async () => {
  const proxy = await served();
  proxy.dataPlane.commands.length = 0;
  proxy.logger.records.length = 0;
  proxy.answerEndpoints(pathOf('web'), '10.1.0.1:80');
  assert.deepEqual(proxy.dataPlane.names(), []);
  assert.deepEqual(proxy.logger.records, []);
});

test('endpoints stay while their stream is away', async () => {
  const proxy = await served();
  proxy.endpoints(pathOf('web')).reset();
  proxy.policy(WEB).reset();
  proxy.clock.advance(3_600_000);
  assert.deepEqual(proxy.behind(WEB), ['10.1.0.1:80']);
});

test('a service that the control plane refuses has no endpoints any more', async () => {
  const proxy = await served();
  proxy.endpoints(pathOf('web')).refuse(INVALID_ARGUMENT, 'not a service');
  assert.deepEqual(proxy.behind(WEB), []);
  assert.deepEqual(
    proxy.logger.at('warn').map(({ message }) => message),
    ['endpoints were refused'],
  );
});

test('labels of endpoints are known to metrics', async () => {
  const proxy = await served();
  proxy.answerEndpoints(
    pathOf('web'),
    aMeshEndpoint('10.1.0.1:80', { labels: { pod: 'web-1', namespace: 'shop' } }),
  );
  const target = proxy.router.targetAt('outbound', { ip: '10.43.0.10', port: 8080 });
  assert.deepEqual(target?.endpointLabels({ ip: '10.1.0.1', port: 80 }), { pod: 'web-1', namespace: 'shop' });
});
