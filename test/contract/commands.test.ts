// Every kind of command crosses the border: the good one is accepted, the bad one is refused whole,
// for the field that is bad.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { constants } from 'node:os';
import { test } from 'node:test';

import {
  Direction,
  EndpointState,
  LogLevel,
  OriginalDestinationSource,
  Protocol,
} from '../../src/dataplane/gen/contract_pb.js';
import {
  assertRefused,
  assertRefusedBySystem,
  balanceTarget,
  forwardTarget,
  loopback,
  LOOPBACK,
  notAnEnumerator,
  openPlane,
  plain,
} from './harness.js';

const { OUTBOUND, INBOUND } = Direction;
const { SOURCE_LOCAL_ADDRESS, SOURCE_FIXED, SOURCE_HTTP_PROXY, SOURCE_SOCKET_OPTION } =
  OriginalDestinationSource;
const IPV4_MAPPED = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 127, 0, 0, 1);
const IPV6_LOOPBACK = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

test('listen answers the address that is bound', (t) => {
  const { plane } = openPlane(t);
  const bound = plane.listen({
    id: 1,
    direction: INBOUND,
    address: loopback(0),
    source: SOURCE_LOCAL_ADDRESS,
  });
  assert.deepEqual(plain(bound), loopback(bound.port));
  assert.ok(bound.port > 0);
});

test('listen is refused for its bad field', (t) => {
  const { plane } = openPlane(t);
  const good = { id: 1, direction: INBOUND, address: loopback(0), source: SOURCE_LOCAL_ADDRESS };
  const refused = (change: object, field: string): void => {
    assertRefused(() => plane.listen({ ...good, ...change }), field);
  };
  refused({ id: 0 }, 'listen.id');
  refused({ direction: 0 }, 'listen.direction');
  refused({ direction: 3 }, 'listen.direction');
  refused({ address: undefined }, 'listen.address');
  refused({ address: { ip: Uint8Array.of(1, 2, 3), port: 0 } }, 'listen.address.ip');
  refused({ address: { ip: IPV4_MAPPED, port: 0 } }, 'listen.address.ip');
  refused({ address: { ip: LOOPBACK, port: 65_536 } }, 'listen.address.port');
  refused({ source: 0 }, 'listen.source');
  refused({ source: SOURCE_FIXED }, 'listen.destination_id');
  refused({ source: SOURCE_HTTP_PROXY }, 'listen.destination_id');
  refused({ source: SOURCE_SOCKET_OPTION, destinationId: 1 }, 'listen.destination_id');
  refused({ source: SOURCE_FIXED, destinationId: 99 }, 'listen.destination_id');
  plane.listen(good);
  refused({}, 'listen.id');
});

test('a port that is taken is refused by the system, with the errno', async (t) => {
  const { plane } = openPlane(t);
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
  });
  const { port } = server.address() as { port: number };
  assertRefusedBySystem(
    () => plane.listen({ id: 1, direction: INBOUND, address: loopback(port), source: SOURCE_LOCAL_ADDRESS }),
    constants.errno.EADDRINUSE,
  );
});

test('closeListener takes listeners that are open', (t) => {
  const { plane } = openPlane(t);
  plane.listen({ id: 1, direction: INBOUND, address: loopback(0), source: SOURCE_LOCAL_ADDRESS });
  plane.closeListener(1);
  assertRefused(() => {
    plane.closeListener(1);
  }, 'close_listener.id');
  assertRefused(() => {
    plane.closeListener(0);
  }, 'close_listener.id');
});

test('putTarget creates and replaces, and is refused for its bad field', (t) => {
  const { plane } = openPlane(t);
  plane.putTarget({ ...forwardTarget(1), source: loopback(0) });
  plane.putTarget({ ...balanceTarget(1), authority: 'web.mesh:80', labels: { zone: 'a' } });
  const refused = (change: object, field: string): void => {
    assertRefused(() => {
      plane.putTarget({ ...balanceTarget(2), ...change });
    }, field);
  };
  refused({ id: 0 }, 'put_target.id');
  refused({ kind: 2 }, 'put_target.kind');
  refused({ connectTimeoutMs: 0 }, 'put_target.connect_timeout_ms');
  refused({ failFastTimeoutMs: 0 }, 'put_target.fail_fast_timeout_ms');
  refused({ queueCapacity: 1_000_001 }, 'put_target.queue_capacity');
  refused({ ewmaDefaultRttMs: 0 }, 'put_target.ewma_default_rtt_ms');
  refused({ ewmaDecayMs: 0 }, 'put_target.ewma_decay_ms');
  refused({ backoffMinMs: 0 }, 'put_target.backoff_min_ms');
  refused({ backoffMaxMs: 99 }, 'put_target.backoff_max_ms');
  refused({ backoffJitter: 1.5 }, 'put_target.backoff_jitter');
  refused({ backoffJitter: Number.NaN }, 'put_target.backoff_jitter');
  refused({ source: { ip: new Uint8Array(), port: 0 } }, 'put_target.source.ip');
  refused({ source: loopback(80) }, 'put_target.source.port');
  assert.deepEqual(
    plane.inspect().targets.map((target) => target.id),
    [1],
  );
});

test('updateEndpoints adds, replaces and removes, and is refused for its bad element', (t) => {
  const { plane } = openPlane(t);
  plane.putTarget(balanceTarget(1));
  const endpoints = (): unknown =>
    plane
      .inspect()
      .targets[0]?.endpoints.map(({ address, weight }) => [address?.port, weight])
      .sort();
  plane.updateEndpoints({ targetId: 1, reset: true, add: [{ address: loopback(81), weight: 3 }] });
  assert.deepEqual(endpoints(), [[81, 3]]);
  plane.updateEndpoints({
    targetId: 1,
    add: [{ address: loopback(82) }, { address: { ip: IPV6_LOOPBACK, port: 83 }, labels: { zone: 'b' } }],
    remove: [loopback(81)],
  });
  assert.deepEqual(endpoints(), [
    [82, 1],
    [83, 1],
  ]);
  plane.updateEndpoints({ targetId: 1, add: [{ address: loopback(82), weight: 9 }] });
  assert.deepEqual(endpoints(), [
    [82, 9],
    [83, 1],
  ]);
  const refused = (update: object, field: string): void => {
    assertRefused(() => {
      plane.updateEndpoints({ targetId: 1, ...update });
    }, field);
  };
  const good = { address: loopback(90) };
  refused({ targetId: 0, add: [good] }, 'update_endpoints.target_id');
  refused({ targetId: 99, add: [good] }, 'update_endpoints.target_id');
  refused({ add: [good, good, good, { address: loopback(0) }] }, 'update_endpoints.add[3].address.port');
  refused({ add: [good, {}] }, 'update_endpoints.add[1].address');
  refused({ add: [{ ...good, weight: 10_001 }] }, 'update_endpoints.add[0].weight');
  refused({ add: [{ ...good, authorityOverride: 'a b' }] }, 'update_endpoints.add[0].authority_override');
  refused({ remove: [{ ip: IPV4_MAPPED, port: 80 }] }, 'update_endpoints.remove[0].ip');
  refused({ add: [good], remove: [loopback(90)] }, 'update_endpoints.remove[0]');
  assert.deepEqual(endpoints(), [
    [82, 9],
    [83, 1],
  ]);
});

test('removeTarget takes targets that are there', (t) => {
  const { plane } = openPlane(t);
  plane.putTarget(balanceTarget(1));
  plane.removeTarget(1);
  assert.deepEqual(plane.inspect().targets, []);
  for (const id of [1, 0]) {
    assertRefused(() => {
      plane.removeTarget(id);
    }, 'remove_target.id');
  }
});

test('putDestination is accepted with and without an address, and refused for its bad field', (t) => {
  const { plane } = openPlane(t);
  plane.putTarget(balanceTarget(1));
  const good = { id: 1, direction: OUTBOUND, protocol: Protocol.HTTP1, targetId: 1 };
  plane.putDestination(good);
  plane.putDestination({
    ...good,
    id: 2,
    direction: INBOUND,
    address: loopback(80),
    authorities: [
      { authority: 'web.mesh', targetId: 1 },
      { authority: 'web.mesh:80', targetId: 1 },
    ],
    discoverAuthorities: true,
    idleTimeoutMs: 60_000,
  });
  const refused = (change: object, field: string): void => {
    assertRefused(() => {
      plane.putDestination({ ...good, id: 3, ...change });
    }, field);
  };
  refused({ id: 0 }, 'put_destination.id');
  refused({ direction: 0 }, 'put_destination.direction');
  refused({ address: loopback(0) }, 'put_destination.address.port');
  refused({ address: { ip: new Uint8Array(15), port: 80 } }, 'put_destination.address.ip');
  refused({ direction: INBOUND, address: loopback(80) }, 'put_destination.address');
  refused({ protocol: 9 }, 'put_destination.protocol');
  refused({ protocol: Protocol.DETECT }, 'put_destination.detect_timeout_ms');
  refused({ protocol: Protocol.OPAQUE, targetId: 0 }, 'put_destination.target_id');
  refused({ targetId: 99 }, 'put_destination.target_id');
  const authorities = [{ authority: 'a.mesh', targetId: 1 }];
  refused(
    { authorities: [...authorities, { authority: 'B.mesh', targetId: 1 }] },
    'put_destination.authorities[1].authority',
  );
  refused({ authorities: [...authorities, ...authorities] }, 'put_destination.authorities[1].authority');
  refused({ authorities: [{ authority: 'a', targetId: 0 }] }, 'put_destination.authorities[0].target_id');
  refused({ authorities: [{ authority: 'a', targetId: 99 }] }, 'put_destination.authorities[0].target_id');
});

test('removeDestination takes destinations that are there', (t) => {
  const { plane } = openPlane(t);
  plane.putTarget(balanceTarget(1));
  plane.putDestination({ id: 1, direction: OUTBOUND, protocol: Protocol.HTTP1, targetId: 1 });
  plane.removeDestination(1);
  for (const id of [1, 0]) {
    assertRefused(() => {
      plane.removeDestination(id);
    }, 'remove_destination.id');
  }
});

test('failDiscovery is for an address or for an authority, and refused for its bad field', (t) => {
  const { plane } = openPlane(t);
  plane.failDiscovery({ direction: OUTBOUND, address: loopback(80), detail: 'nobody knows it' });
  plane.failDiscovery({ destinationId: 7, authority: 'web.mesh' });
  const refused = (failure: object, field: string): void => {
    assertRefused(() => {
      plane.failDiscovery(failure);
    }, field);
  };
  refused({ address: loopback(80) }, 'fail_discovery.direction');
  refused({ direction: OUTBOUND }, 'fail_discovery.address');
  refused({ direction: OUTBOUND, address: loopback(0) }, 'fail_discovery.address.port');
  refused({ destinationId: 7 }, 'fail_discovery.authority');
  refused({ destinationId: 7, authority: 'web.mesh', address: loopback(80) }, 'fail_discovery.address');
});

test('setLogLevel takes every level and nothing else', (t) => {
  const { plane } = openPlane(t);
  const { LOG_TRACE, LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF } = LogLevel;
  for (const level of [LOG_TRACE, LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF])
    plane.setLogLevel(level);
  assertRefused(() => {
    plane.setLogLevel(notAnEnumerator(6));
  }, 'set_log_level.level');
});

test('drain is refused for a grace that is out of range', (t) => {
  const { plane } = openPlane(t);
  assertRefused(() => {
    plane.drain(2 ** 31);
  }, 'drain.grace_ms');
});

test('inspect shows targets and their endpoints before anything happened', (t) => {
  const { plane } = openPlane(t);
  plane.putTarget(balanceTarget(4));
  plane.updateEndpoints({ targetId: 4, add: [{ address: loopback(81), weight: 2 }] });
  const { targets, connections, bufferBytes } = plane.inspect();
  assert.equal(connections, 0n);
  assert.equal(bufferBytes, 0n);
  assert.equal(targets.length, 1);
  const [target] = targets;
  assert.equal(target?.id, 4);
  assert.equal(target.waiting, 0);
  const [endpoint] = target.endpoints;
  assert.deepEqual(plain(endpoint?.address), loopback(81));
  assert.equal(endpoint?.state, EndpointState.ENDPOINT_READY);
  assert.equal(endpoint.inFlight, 0);
  assert.equal(endpoint.idleConnections, 0);
  assert.equal(endpoint.lastErrno, 0);
  assert.equal(endpoint.weight, 2);
  assert.equal(Math.round(endpoint.ewmaMs), 30);
});

test('attachCapture is refused for its bad field, and by the system without its cgroup', (t) => {
  const { plane } = openPlane(t);
  const good = { cgroupPath: '/nowhere/sluice-contract-test', outboundV4: loopback(4140) };
  const refused = (change: object, field: string): void => {
    assertRefused(() => plane.attachCapture({ ...good, ...change }), field);
  };
  refused({ cgroupPath: '' }, 'attach_capture.cgroup_path');
  refused({ cgroupPath: 'relative' }, 'attach_capture.cgroup_path');
  refused({ outboundV4: undefined }, 'attach_capture');
  refused({ outboundV4: loopback(0) }, 'attach_capture.outbound_v4.port');
  refused({ outboundV4: { ip: IPV6_LOOPBACK, port: 1 } }, 'attach_capture.outbound_v4.ip');
  refused({ outboundV6: loopback(1) }, 'attach_capture.outbound_v6.ip');
  refused({ skipOutboundPorts: [{ first: 2, last: 1 }] }, 'attach_capture.skip_outbound_ports[0].last');
  refused(
    { skipOutboundNetworks: [{ ip: LOOPBACK, prefixLength: 33 }] },
    'attach_capture.skip_outbound_networks[0].prefix_length',
  );
  refused(
    {
      captureNetworks: [
        { ip: LOOPBACK, prefixLength: 8 },
        { ip: Uint8Array.of(1), prefixLength: 8 },
      ],
    },
    'attach_capture.capture_networks[1].ip',
  );
  refused({ inboundPorts: [80, 0], inboundListenerIds: [1] }, 'attach_capture.inbound_ports[1]');
  refused({ inboundPorts: [80] }, 'attach_capture.inbound_listener_ids');
  refused({ inboundPorts: [80], inboundListenerIds: [99] }, 'attach_capture.inbound_listener_ids[0]');
  assertRefusedBySystem(() => plane.attachCapture(good));
});

test('detachCapture needs something that is attached', (t) => {
  const { plane } = openPlane(t);
  assertRefused(() => {
    plane.detachCapture();
  }, 'detach_capture');
});
