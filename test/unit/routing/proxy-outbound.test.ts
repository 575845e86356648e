// What the outbound side decides: discovery, plans taking effect, endpoints, eviction.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CommandRefusedError } from '../../../src/dataplane/dataplane.js';
import { Protocol, TargetKind } from '../../../src/dataplane/gen/contract_pb.js';
import { anEndpointSet } from '../../support/fake-control-plane.js';
import { aBrokenPolicy, aPolicy, aProfile, pathOf, THREE_FAILURES } from '../../support/proxy-messages.js';
import { FAIL_FAST_MS, ProxyRouterFixture } from '../../support/proxy-router-fixture.js';

const WEB = '10.43.0.10:8080';
const OUTSIDE = '192.0.2.1:443';
const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;
const FAILED_PRECONDITION = 9;
const UNIMPLEMENTED = 12;

/** Everything that is asked about WEB has been answered; `web` has one endpoint. */
function served(policy = aPolicy()): Promise<ProxyRouterFixture> {
  return ProxyRouterFixture.serving(WEB, policy);
}

// -------------------------------------------------------------------------------- discovery

test('an address in the networks of profiles is asked about twice, at once', async () => {
  const proxy = await ProxyRouterFixture.started();
  proxy.connect(WEB);
  assert.deepEqual(proxy.controlPlane.open, [WEB, WEB]);
  assert.equal(proxy.profile(WEB).subject, WEB);
  assert.equal(proxy.policy(WEB).subject, WEB);
});

test('an address outside of them has no profile', async () => {
  const proxy = await ProxyRouterFixture.started();
  proxy.connect(OUTSIDE);
  assert.deepEqual(proxy.controlPlane.profileStreams, []);
  assert.equal(proxy.policy(OUTSIDE).subject, OUTSIDE);
});

test('connections wait for both answers', async () => {
  const proxy = await ProxyRouterFixture.started();
  proxy.connect(WEB);
  proxy.policy(WEB).answer(aPolicy());
  assert.equal(proxy.isKnown(WEB), false);
  assert.deepEqual(proxy.dataPlane.failures, []);
  proxy.profile(WEB).answer(aProfile());
  proxy.answerEndpoints(pathOf('web'), '10.1.0.1:80');
  assert.equal(proxy.isKnown(WEB), true);
});

test('connections wait for as long as the control plane is away', async () => {
  const proxy = await ProxyRouterFixture.started();
  proxy.connect(WEB);
  proxy.policy(WEB).reset();
  proxy.profile(WEB).reset();
  proxy.clock.advance(3_600_000);
  assert.equal(proxy.isKnown(WEB), false);
  assert.deepEqual(proxy.dataPlane.failures, []);
});

test('an answer that is there at once is used at once', async () => {
  const proxy = await ProxyRouterFixture.started();
  const ask = proxy.controlPlane.outboundPolicy.bind(proxy.controlPlane);
  proxy.controlPlane.outboundPolicy = (target) => {
    const stream = ask(target);
    stream.answer(aPolicy({ http: { web: { forwardTo: '10.1.0.9:80' } } }));
    return stream;
  };
  proxy.connect(OUTSIDE);
  assert.deepEqual(proxy.behind(OUTSIDE), ['10.1.0.9:80']);
});

test('a policy that is refused for good fails the connections with its text, and the next one asks anew', async () => {
  for (const code of [INVALID_ARGUMENT, FAILED_PRECONDITION]) {
    const proxy = await ProxyRouterFixture.started();
    proxy.connect(WEB);
    proxy.profile(WEB).answer(aProfile());
    proxy.policy(WEB).refuse(code, 'no such workload');
    const [failure] = proxy.dataPlane.failures;
    assert.match(failure?.detail ?? '', /no such workload/);
    assert.deepEqual(proxy.leftovers, []);
    proxy.connect(WEB);
    assert.deepEqual(proxy.controlPlane.open, [WEB, WEB]);
  }
});

test('an address without a policy goes where it was going', async () => {
  for (const code of [NOT_FOUND, UNIMPLEMENTED]) {
    const proxy = await ProxyRouterFixture.started();
    proxy.connect(OUTSIDE);
    proxy.policy(OUTSIDE).refuse(code, 'not found');
    assert.deepEqual(proxy.behind(OUTSIDE), [OUTSIDE]);
    assert.equal(proxy.destination(OUTSIDE).protocol, Protocol.DETECT);
    const [targetId] = proxy.httpTargets(OUTSIDE).values();
    assert.equal(proxy.target(targetId).kind, TargetKind.FORWARD);
    assert.deepEqual(proxy.tcpTargets(OUTSIDE), [targetId]);
  }
});

test('without a policy a profile that stands for one endpoint leads to it', async () => {
  const proxy = await ProxyRouterFixture.started();
  proxy.connect(WEB);
  proxy.policy(WEB).refuse(NOT_FOUND, 'not found');
  proxy.profile(WEB).answer(aProfile({ endpoint: '10.1.0.7:9090' }));
  assert.deepEqual(proxy.behind(WEB), ['10.1.0.7:9090']);
  proxy.profile(WEB).answer(aProfile({ endpoint: '10.1.0.8:9090' }));
  assert.deepEqual(proxy.behind(WEB), ['10.1.0.8:9090']);
});

test('a profile that is refused is none', async () => {
  const proxy = await ProxyRouterFixture.started();
  proxy.connect(WEB);
  proxy.policy(WEB).answer(aPolicy());
  proxy.profile(WEB).refuse(INVALID_ARGUMENT, 'no');
  proxy.answerEndpoints(pathOf('web'), '10.1.0.1:80');
  assert.deepEqual(proxy.behind(WEB), ['10.1.0.1:80']);
});

test('a question that was on its way is answered once more', async () => {
  const proxy = await served();
  proxy.dataPlane.commands.length = 0;
  proxy.connect(WEB);
  assert.deepEqual(proxy.dataPlane.names(), ['putDestination']);
  assert.equal(proxy.controlPlane.outboundStreams.length, 1);
});

// -------------------------------------------------------------------------------- what is published

test('a destination detects with the time-out of the environment, whatever its policy says', async () => {
  const proxy = await served();
  const destination = proxy.destination(WEB);
  assert.equal(destination.protocol, Protocol.DETECT);
  assert.equal(destination.detectTimeoutMs, 7000);
  assert.equal(destination.idleTimeoutMs, 5000);
  assert.equal(destination.targetId, 0);
  assert.equal(destination.discoverAuthorities, false);
});

test('the protocol of a policy is obeyed, and its change', async () => {
  const proxy = await served(aPolicy({ protocol: 'opaque' }));
  assert.equal(proxy.destination(WEB).protocol, Protocol.OPAQUE);
  proxy.policy(WEB).answer(aPolicy({ protocol: 'http1' }));
  assert.equal(proxy.destination(WEB).protocol, Protocol.HTTP1);
});

test('a profile makes a destination opaque', async () => {
  const proxy = await served();
  proxy.profile(WEB).answer(aProfile({ name: 'web.shop.svc.cluster.local', opaque: true }));
  assert.equal(proxy.destination(WEB).protocol, Protocol.OPAQUE);
});

test('a balancer is made with the load figures of the policy and the bounds of the environment', async () => {
  const proxy = await served();
  const target = proxy.target(proxy.httpTargets(WEB).values().next().value);
  assert.equal(target.kind, TargetKind.BALANCE);
  assert.equal(target.authority, pathOf('web'));
  assert.equal(target.ewmaDefaultRttMs, 40);
  assert.equal(target.ewmaDecayMs, 20_000);
  assert.equal(target.queueCapacity, 10_000);
  assert.equal(target.failFastTimeoutMs, FAIL_FAST_MS);
  assert.equal(target.connectTimeoutMs, 1000);
  assert.deepEqual([target.backoffMinMs, target.backoffMaxMs, target.backoffJitter], [100, 60_000, 0.1]);
  assert.deepEqual([target.poolIdleTimeoutMs, target.poolMaxIdle], [3000, 10_000]);
  assert.equal(target.refuseLoopback, true);
  assert.equal(target.failureAccrual, undefined);
  assert.equal(target.loadPenalty, undefined);
});

test('loopback endpoints are dialled where that is allowed', async () => {
  const proxy = await ProxyRouterFixture.started({ outbound: { allowLoopback: true } });
  proxy.connect(OUTSIDE);
  proxy.policy(OUTSIDE).refuse(NOT_FOUND, 'not found');
  assert.equal(proxy.target(proxy.tcpTargets(OUTSIDE)[0]).refuseLoopback, false);
});

test('a breaker and a penalty are for requests, not for connections', async () => {
  const proxy = await served(aPolicy({ http: { web: { penalty: true } }, accrual: THREE_FAILURES }));
  const http = proxy.target([...proxy.httpTargets(WEB).values()][0]);
  const tcp = proxy.target(proxy.tcpTargets(WEB)[0]);
  assert.equal(http.failureAccrual?.maxConsecutiveFailures, 3);
  assert.equal(http.loadPenalty?.penaltyMs, 5000);
  assert.equal(tcp.failureAccrual, undefined);
  assert.equal(tcp.loadPenalty, undefined);
});

test('two targets of one service ask for its endpoints once', async () => {
  const proxy = await served(aPolicy({ accrual: THREE_FAILURES }));
  assert.notEqual(proxy.tcpTargets(WEB)[0], [...proxy.httpTargets(WEB).values()][0]);
  assert.equal(proxy.controlPlane.endpointStreams.length, 1);
  proxy.answerEndpoints(pathOf('web'), '10.1.0.2:80');
  assert.deepEqual(proxy.behind(WEB), ['10.1.0.2:80']);
  assert.deepEqual(proxy.dataPlane.addressesOf(proxy.tcpTargets(WEB)[0]), ['10.1.0.2:80']);
});

test('routes to the same backend share one balancer', async () => {
  const proxy = await served();
  const [http] = proxy.httpTargets(WEB).values();
  assert.deepEqual(proxy.tcpTargets(WEB), [http]);
  assert.equal(proxy.dataPlane.targets.size, 1);
});

test('two addresses of one service have balancers of their own', async () => {
  const proxy = await ProxyRouterFixture.started();
  for (const address of ['192.0.2.1:80', '192.0.2.2:80']) {
    proxy.connect(address);
    proxy.policy(address).answer(aPolicy());
  }
  assert.equal(proxy.controlPlane.endpointStreams.length, 2);
  for (const stream of proxy.controlPlane.endpointStreams) stream.answer(anEndpointSet('10.1.0.1:80'));
  assert.notDeepEqual(proxy.httpTargets('192.0.2.1:80'), proxy.httpTargets('192.0.2.2:80'));
});

test('a profile with overrides wins over the policy, each override by its weight', async () => {
  const proxy = await ProxyRouterFixture.started();
  proxy.connect(WEB);
  proxy.policy(WEB).answer(aPolicy());
  proxy.profile(WEB).answer(
    aProfile({
      name: 'web.shop.svc.cluster.local',
      overrides: { 'a.shop.svc.cluster.local:80': 3, 'b.shop.svc.cluster.local:80': 1 },
    }),
  );
  proxy.answerEndpoints('a.shop.svc.cluster.local:80', '10.1.0.1:80');
  proxy.answerEndpoints('b.shop.svc.cluster.local:80', '10.1.0.2:80');
  const backends = proxy.table(WEB).rules.flatMap(({ distribution }) => distribution?.backends ?? []);
  assert.deepEqual([...new Set(backends.map(({ weight }) => weight))], [3, 1]);
  assert.deepEqual(proxy.behind(WEB), ['10.1.0.1:80', '10.1.0.2:80']);
  const target = proxy.target(backends[0]?.targetId);
  assert.deepEqual([target.ewmaDefaultRttMs, target.ewmaDecayMs], [30, 10_000]);
  assert.equal(target.authority, 'a.shop.svc.cluster.local');
});

test('requests by a profile say which service they are for', async () => {
  const proxy = await ProxyRouterFixture.started();
  proxy.connect(WEB);
  proxy.policy(WEB).answer(aPolicy());
  proxy.profile(WEB).answer(aProfile({ name: 'web.shop.svc.cluster.local', retryable: true }));
  proxy.answerEndpoints('web.shop.svc.cluster.local:8080', '10.1.0.1:80');
  const { rules } = proxy.table(WEB);
  assert.equal(rules.length, 2);
  for (const { filters } of rules) {
    const [filter] = filters;
    assert.ok(filter?.kind.case === 'requestHeaders');
    assert.deepEqual(
      filter.kind.value.set.map(({ name, value }) => [name, value]),
      [['l5d-dst-canonical', 'web.shop.svc.cluster.local:8080']],
    );
  }
  assert.deepEqual([rules[0]?.retry?.responsesOnly, rules[1]?.retry], [true, undefined]);
});

test('an invalid policy is told once, and refuses', async () => {
  const proxy = await ProxyRouterFixture.started();
  proxy.connect(OUTSIDE);
  proxy.policy(OUTSIDE).answer(aBrokenPolicy());
  const warnings = proxy.logger.at('warn').map(({ message }) => message);
  assert.deepEqual(warnings, ['Client policy misconfigured']);
  assert.equal(proxy.isKnown(OUTSIDE), true);
  assert.deepEqual([...proxy.dataPlane.targets.keys()], []);
});

// -------------------------------------------------------------------------------- changes and the end

test('a policy that is refused later leaves the last one in place', async () => {
  for (const code of [INVALID_ARGUMENT, NOT_FOUND, UNIMPLEMENTED]) {
    const proxy = await served();
    proxy.dataPlane.commands.length = 0;
    proxy.policy(WEB).refuse(code, 'gone');
    assert.deepEqual(proxy.dataPlane.names(), []);
    assert.deepEqual(proxy.behind(WEB), ['10.1.0.1:80']);
  }
});

test('an equal policy is not sent again', async () => {
  const proxy = await served();
  proxy.dataPlane.commands.length = 0;
  proxy.policy(WEB).answer(aPolicy());
  assert.deepEqual(proxy.dataPlane.names(), []);
});

test('other weights replace the table and nothing else', async () => {
  const proxy = await served(aPolicy({ http: { web: { weight: 9 }, canary: { weight: 1 } } }));
  proxy.dataPlane.commands.length = 0;
  proxy.policy(WEB).answer(aPolicy({ http: { web: { weight: 5 }, canary: { weight: 5 } } }));
  assert.deepEqual(proxy.dataPlane.names(), ['putRouteTable']);
});

test('a destination that nobody uses is forgotten with everything that was asked for it', async () => {
  const proxy = await served(aPolicy({ http: { web: {}, canary: {} }, accrual: THREE_FAILURES }));
  proxy.idle(WEB);
  assert.deepEqual(proxy.leftovers, []);
  assert.deepEqual(proxy.refusals, []);
  assert.deepEqual(proxy.router.streams(), []);
  proxy.connect(WEB);
  assert.deepEqual(proxy.controlPlane.open, [WEB, WEB]);
});

test('what a removed target meant is still known', async () => {
  const proxy = await served();
  const [targetId = 0] = proxy.httpTargets(WEB).values();
  proxy.idle(WEB);
  assert.equal(proxy.router.targetInfo(targetId)?.authority, pathOf('web'));
});

// -------------------------------------------------------------------------------- refusals of the data plane

test('a destination that the system refuses for now is sent again', async () => {
  const proxy = await ProxyRouterFixture.started();
  proxy.dataPlane.refuseNext('putDestination');
  proxy.connect(OUTSIDE);
  proxy.policy(OUTSIDE).refuse(NOT_FOUND, 'not found');
  assert.equal(proxy.isKnown(OUTSIDE), false);
  assert.deepEqual(proxy.dataPlane.failures, []);
  proxy.clock.advance(1000);
  assert.deepEqual(proxy.behind(OUTSIDE), [OUTSIDE]);
});

test('a destination that the data plane cannot take fails the connections', async () => {
  const proxy = await ProxyRouterFixture.started();
  proxy.dataPlane.refuseNext('putRouteTable', new CommandRefusedError('put_route_table.rules', 'is odd', 0));
  proxy.connect(OUTSIDE);
  proxy.policy(OUTSIDE).refuse(NOT_FOUND, 'not found');
  assert.deepEqual(
    proxy.dataPlane.failures.map(({ detail }) => detail),
    ['the data plane refused the route'],
  );
  assert.deepEqual(proxy.leftovers, []);
});

test('a table that the data plane cannot take leaves the one before, and what it leads to', async () => {
  const proxy = await served();
  proxy.dataPlane.refuseNext('putRouteTable', new CommandRefusedError('put_route_table.rules', 'is odd', 0));
  proxy.policy(WEB).answer(aPolicy({ http: { next: { forwardTo: '10.1.0.9:80' } } }));
  assert.deepEqual(proxy.behind(WEB), ['10.1.0.1:80']);
  proxy.answerEndpoints(pathOf('web'), '10.1.0.2:80');
  assert.deepEqual(proxy.behind(WEB), ['10.1.0.2:80']);
  proxy.policy(WEB).answer(aPolicy({ http: { other: { forwardTo: '10.1.0.8:80' } } }));
  assert.deepEqual(proxy.behind(WEB), ['10.1.0.8:80']);
  assert.equal(proxy.dataPlane.targets.size, 1);
});

test('an update of endpoints that the system refuses is sent again', async () => {
  const proxy = await served();
  proxy.dataPlane.refuseNext('updateEndpoints');
  proxy.answerEndpoints(pathOf('web'), '10.1.0.2:80');
  proxy.clock.advance(1000);
  assert.deepEqual(proxy.behind(WEB), ['10.1.0.2:80']);
});
