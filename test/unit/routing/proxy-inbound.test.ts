// What the inbound side decides: policies of ports, addresses of the workload, eviction.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { formatIp } from '../../../src/core/ip.js';
import { CommandRefusedError } from '../../../src/dataplane/dataplane.js';
import {
  Direction,
  Protocol,
  type PutRouteTable,
  Reason,
  TargetKind,
} from '../../../src/dataplane/gen/contract_pb.js';
import { aServer } from '../../support/proxy-messages.js';
import { ProxyRouterFixture } from '../../support/proxy-router-fixture.js';

const { INBOUND } = Direction;
const POD = '10.1.0.5:8080';

/** Networks that the first rule, or else connections, are asked to come from. */
function allowed({ rules, tcp, server }: PutRouteTable): readonly string[] {
  const indexes = rules[0]?.authorizations ?? tcp?.authorizations ?? [];
  return indexes.flatMap((index) =>
    (server?.authorizations[index]?.networks ?? []).map(({ network }) =>
      formatIp(network?.ip ?? new Uint8Array(4)),
    ),
  );
}

// -------------------------------------------------------------------------------- policies of ports

test('a port nobody asked about serves at once by the default policy', async () => {
  const proxy = await ProxyRouterFixture.started();
  proxy.accept(POD);
  assert.deepEqual(proxy.controlPlane.open, ['8080']);
  const destination = proxy.destination(POD, INBOUND);
  assert.equal(destination.protocol, Protocol.DETECT);
  assert.equal(destination.detectTimeoutMs, 8000);
  assert.equal(destination.idleTimeoutMs, 90_000);
  const table = proxy.table(POD, INBOUND);
  assert.equal(table.server?.name, 'default/all-unauthenticated');
  assert.deepEqual(allowed(table), ['0.0.0.0', '::']);
  assert.deepEqual(proxy.behind(POD, INBOUND), [POD]);
});

test('the default policy is the configured one', async () => {
  const proxy = await ProxyRouterFixture.started({
    inbound: {
      defaultPolicy: 'cluster-unauthenticated',
      clusterNetworks: [{ ip: '10.0.0.0', prefixLength: 8 }],
    },
  });
  proxy.accept(POD);
  assert.deepEqual(allowed(proxy.table(POD, INBOUND)), ['10.0.0.0']);
});

test('with the policy deny nobody is looked at or served', async () => {
  const proxy = await ProxyRouterFixture.started({ inbound: { defaultPolicy: 'deny' } });
  proxy.accept(POD);
  assert.equal(proxy.destination(POD, INBOUND).protocol, Protocol.OPAQUE);
  assert.deepEqual(proxy.table(POD, INBOUND).tcp?.authorizations, []);
});

test('an opaque port is not looked into until the control plane says otherwise', async () => {
  const proxy = await ProxyRouterFixture.started({ inbound: { opaquePorts: [{ first: 8080, last: 8080 }] } });
  proxy.accept(POD);
  assert.equal(proxy.destination(POD, INBOUND).protocol, Protocol.OPAQUE);
  assert.deepEqual(allowed(proxy.table(POD, INBOUND)), ['0.0.0.0', '::']);
  proxy.server(8080).answer(aServer('web'));
  assert.equal(proxy.destination(POD, INBOUND).protocol, Protocol.DETECT);
});

test('the answer of the control plane replaces the default policy', async () => {
  const proxy = await ProxyRouterFixture.started();
  proxy.accept(POD);
  proxy.server(8080).answer(aServer('web'));
  const table = proxy.table(POD, INBOUND);
  assert.equal(table.server?.name, 'server/web');
  assert.deepEqual(allowed(table).slice(0, 1), ['10.0.0.0']);
  assert.equal(proxy.destination(POD, INBOUND).detectTimeoutMs, 4000);
});

test('the protocol of a port is obeyed', async () => {
  const protocols = {
    detect: Protocol.DETECT,
    http1: Protocol.HTTP1,
    http2: Protocol.HTTP2,
    opaque: Protocol.OPAQUE,
    // Passed on as it is: whose TLS it is concerns the application.
    tls: Protocol.OPAQUE,
  } as const;
  for (const [kind, protocol] of Object.entries(protocols)) {
    const proxy = await ProxyRouterFixture.started();
    proxy.accept(POD);
    proxy.server(8080).answer(aServer('web', kind as keyof typeof protocols));
    assert.equal(proxy.destination(POD, INBOUND).protocol, protocol, kind);
  }
});

test('a policy that is known when a connection comes is used from the start', async () => {
  const proxy = await ProxyRouterFixture.started({ inbound: { ports: [{ first: 8080, last: 8081 }] } });
  proxy.server(8080).answer(aServer('web'));
  proxy.accept(POD);
  assert.equal(proxy.table(POD, INBOUND).server?.name, 'server/web');
});

test('a policy stays while its stream is away, and when it is refused later', async () => {
  const proxy = await ProxyRouterFixture.started();
  proxy.accept(POD);
  proxy.server(8080).answer(aServer('web'));
  proxy.server(8080).reset();
  proxy.clock.advance(3_600_000);
  proxy.server(8080).refuse(3, 'no such workload');
  assert.equal(proxy.table(POD, INBOUND).server?.name, 'server/web');
});

test('a policy that is refused for good leaves the default', async () => {
  const proxy = await ProxyRouterFixture.started();
  proxy.accept(POD);
  proxy.server(8080).refuse(9, 'no');
  assert.equal(proxy.table(POD, INBOUND).server?.name, 'default/all-unauthenticated');
});

test('configured ports and the admin port are asked about from the start and for ever', async () => {
  const proxy = await ProxyRouterFixture.started({
    inbound: {
      ports: [
        { first: 8080, last: 8082 },
        { first: 9090, last: 9090 },
      ],
      adminPort: 4191,
    },
  });
  const everPresent = ['4191', '8080', '8081', '8082', '9090'];
  assert.deepEqual(proxy.controlPlane.open, everPresent);
  proxy.accept(POD);
  proxy.idle(POD, INBOUND);
  assert.deepEqual(proxy.controlPlane.open, everPresent);
});

test('an admin port among the configured ports is asked about once', async () => {
  const proxy = await ProxyRouterFixture.started({
    inbound: { ports: [{ first: 4191, last: 4191 }], adminPort: 4191 },
  });
  assert.deepEqual(proxy.controlPlane.open, ['4191']);
});

// -------------------------------------------------------------------------------- addresses

test('addresses of one port share its policy and lead each to itself', async () => {
  const proxy = await ProxyRouterFixture.started();
  const other = '[fd00::5]:8080';
  proxy.accept(POD);
  proxy.accept(other);
  assert.equal(proxy.controlPlane.inboundStreams.length, 1);
  proxy.server(8080).answer(aServer('web', 'http1'));
  for (const address of [POD, other]) {
    assert.equal(proxy.destination(address, INBOUND).protocol, Protocol.HTTP1);
    assert.deepEqual(proxy.behind(address, INBOUND), [address]);
  }
});

test('a port is watched until none of its addresses is used', async () => {
  const proxy = await ProxyRouterFixture.started();
  proxy.accept(POD);
  proxy.accept('[fd00::5]:8080');
  proxy.idle(POD, INBOUND);
  assert.deepEqual(proxy.controlPlane.open, ['8080']);
  proxy.idle('[fd00::5]:8080', INBOUND);
  assert.deepEqual(proxy.leftovers, []);
  assert.deepEqual(proxy.refusals, []);
});

test('the application is dialled with the bounds of the inbound side', async () => {
  const proxy = await ProxyRouterFixture.started({ inbound: { source: '127.0.0.6' } });
  proxy.accept(POD);
  const target = proxy.target([...proxy.httpTargets(POD, INBOUND).values()][0]);
  assert.equal(target.kind, TargetKind.FORWARD);
  assert.equal(target.connectTimeoutMs, 300);
  assert.deepEqual([target.poolIdleTimeoutMs, target.poolMaxIdle], [3000, 10_000]);
  assert.equal(target.refuseLoopback, false);
  assert.deepEqual([...(target.source?.ip ?? [])], [127, 0, 0, 6]);
});

test('addresses that are not those of the workload are refused', async () => {
  const proxy = await ProxyRouterFixture.started({ ownAddresses: ['10.1.0.5'] });
  proxy.accept('10.1.0.6:8080');
  const refused = proxy.destination('10.1.0.6:8080', INBOUND);
  assert.equal(refused.refusal, Reason.ADDRESS_NOT_ALLOWED);
  assert.equal(refused.refusalDetail, 'inbound connections are not allowed on this IP address (10.1.0.6)');
  assert.deepEqual(proxy.controlPlane.open, []);
  proxy.accept(POD);
  assert.equal(proxy.destination(POD, INBOUND).refusal, Reason.NONE);
  proxy.idle('10.1.0.6:8080', INBOUND);
  proxy.idle(POD, INBOUND);
  assert.deepEqual(proxy.leftovers, []);
});

test("the proxy's own port is refused, on addresses of the workload", async () => {
  const proxy = await ProxyRouterFixture.started({ ownAddresses: ['10.1.0.5'] });
  proxy.accept('10.1.0.5:4143');
  proxy.accept('10.1.0.6:4143');
  const own = proxy.destination('10.1.0.5:4143', INBOUND);
  assert.equal(own.refusal, Reason.LOOP_REFUSED);
  assert.equal(own.refusalDetail, 'inbound connection must not target port 4143');
  assert.equal(proxy.destination('10.1.0.6:4143', INBOUND).refusal, Reason.ADDRESS_NOT_ALLOWED);
});

test('an equal policy is not sent again', async () => {
  const proxy = await ProxyRouterFixture.started();
  proxy.accept(POD);
  proxy.server(8080).answer(aServer('web'));
  proxy.dataPlane.commands.length = 0;
  proxy.server(8080).answer(aServer('web'));
  assert.deepEqual(proxy.dataPlane.names(), []);
});

// -------------------------------------------------------------------------------- refusals of the data plane

test('a question that was on its way is answered once more', async () => {
  const proxy = await ProxyRouterFixture.started();
  proxy.accept(POD);
  proxy.dataPlane.commands.length = 0;
  proxy.accept(POD);
  assert.deepEqual(proxy.dataPlane.names(), ['putDestination']);
});

test('what the data plane cannot take fails the connection and leaves nothing behind', async () => {
  const proxy = await ProxyRouterFixture.started();
  proxy.dataPlane.refuseNext('putTarget', new CommandRefusedError('put_target.id', 'is odd', 0));
  proxy.accept(POD);
  assert.deepEqual(
    proxy.dataPlane.failures.map(({ direction, detail }) => [direction, detail]),
    [[INBOUND, 'the data plane refused the route']],
  );
  assert.deepEqual(proxy.leftovers, []);
});

test('what the system refuses for now is sent again', async () => {
  const proxy = await ProxyRouterFixture.started();
  proxy.dataPlane.refuseNext('putTarget');
  proxy.accept(POD);
  assert.equal(proxy.isKnown(POD, INBOUND), false);
  proxy.clock.advance(1000);
  assert.deepEqual(proxy.behind(POD, INBOUND), [POD]);
});
