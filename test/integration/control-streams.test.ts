// Streams of the control plane against a scripted controller over real sockets: what is asked, and what
// becomes of answers, ends, losses, silence and nonsense.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as grpc from '@grpc/grpc-js';

import { fromHostPort } from '../../src/api/net-values.js';
import { controllerAddress } from '../../src/control/controller-address.js';
import type { EndpointSet } from '../../src/control/control-plane.js';
import { ControlPlaneUnderTest, stateOf, valueOf } from '../support/control-plane-under-test.js';
import { until } from '../support/processes.js';
import { ScriptedController } from '../support/scripted-controller.js';

const SERVICE = 'web.emojivoto.svc.cluster.local:80';
const LIMIT = { timeout: 30_000 };

function add(...ips: readonly string[]): { update: { case: 'add'; value: { addrs: object[] } } } {
  const addrs = ips.map((ip) => ({ addr: fromHostPort({ ip, port: 8080 }), weight: 10_000 }));
  return { update: { case: 'add', value: { addrs } } };
}

function has(...ips: readonly string[]): (endpoints: EndpointSet) => boolean {
  return (endpoints) => [...endpoints.keys()].join() === ips.map((ip) => `${ip}:8080`).join();
}

function beside(
  t: Parameters<typeof ScriptedController.start>[0],
  { port }: ScriptedController,
): ControlPlaneUnderTest {
  const control = new ControlPlaneUnderTest(t, controllerAddress('127.0.0.1', port));
  control.channel.start();
  return control;
}

test('each question carries the fields and the authority that the reference names', LIMIT, async (t) => {
  const controller = await ScriptedController.start(t);
  const { plane, keep } = bound(beside(t, controller));
  keep(plane.endpoints(SERVICE));
  keep(plane.profile('10.0.0.1:80'));
  keep(plane.inboundPolicy(8080));
  keep(plane.outboundPolicy({ kind: 'address', address: { ip: 'fd00::1', port: 80 } }));
  const get = await controller.next('Get');
  assert.deepEqual(
    [get.request.path, get.request.contextToken, get.request.scheme],
    [SERVICE, '{"ns":"emojivoto"}\n', ''],
  );
  assert.equal(get.authority, `127.0.0.1:${String(controller.port)}`);
  assert.equal(get.metadata['grpc-timeout'], undefined);
  const profile = await controller.next('GetProfile');
  assert.deepEqual(
    [profile.request.path, profile.request.contextToken],
    ['10.0.0.1:80', '{"ns":"emojivoto"}\n'],
  );
  const port = await controller.next('WatchPort');
  assert.deepEqual([port.request.port, port.request.workload], [8080, '{"ns":"emojivoto","pod":"web-1"}']);
  const outbound = await controller.next('Watch');
  assert.equal(outbound.request.sourceWorkload, '{"ns":"emojivoto","pod":"web-1"}');
  assert.equal(outbound.request.target.case, 'addr');
  keep(plane.outboundPolicy({ kind: 'authority', authority: SERVICE }));
  const byName = await controller.next('Watch');
  assert.deepEqual([byName.request.target.case, byName.request.target.value], ['authority', SERVICE]);
});

test(
  'after a restart of the controller the last endpoints stay until its first addition replaces them',
  LIMIT,
  async (t) => {
    const controller = await ScriptedController.start(t);
    const { plane, keep } = bound(beside(t, controller));
    const endpoints = keep(plane.endpoints(SERVICE));
    const first = await controller.next('Get');
    first.send(add('10.0.0.1', '10.0.0.2'));
    await valueOf(endpoints, has('10.0.0.1', '10.0.0.2'));
    await controller.stop();
    await until('the loss is noticed', () => !endpoints.health.open);
    const heardMs = endpoints.health.lastMessageMs;
    await controller.restart();
    const second = await controller.next('Get');
    // What a new stream takes away first it has never told.
    second.send({
      update: { case: 'remove', value: { addrs: [fromHostPort({ ip: '10.0.0.1', port: 8080 })] } },
    });
    await until('the removal is read', () => endpoints.health.lastMessageMs !== heardMs);
    assert.equal(
      endpoints.state.value.kind === 'known' && has('10.0.0.1', '10.0.0.2')(endpoints.state.value.value),
      true,
    );
    second.send(add('10.0.0.2', '10.0.0.3'));
    await valueOf(endpoints, has('10.0.0.2', '10.0.0.3'));
    second.send(add('10.0.0.4'));
    await valueOf(endpoints, has('10.0.0.2', '10.0.0.3', '10.0.0.4'));
  },
);

test('a reset connection is made again, and the stream opened anew on it', LIMIT, async (t) => {
  const controller = await ScriptedController.start(t);
  const { plane, keep } = bound(beside(t, controller));
  const profile = keep(plane.profile(SERVICE));
  (await controller.next('GetProfile')).send({ fullyQualifiedName: 'one' });
  await valueOf(profile, ({ fullyQualifiedName }) => fullyQualifiedName === 'one');
  controller.resetConnections();
  (await controller.next('GetProfile')).send({ fullyQualifiedName: 'two' });
  await valueOf(profile, ({ fullyQualifiedName }) => fullyQualifiedName === 'two');
  assert.equal(controller.accepted, 2);
  assert.equal(profile.health.lastFailure?.code, grpc.status.UNAVAILABLE);
});

test('a final status ends the asking', LIMIT, async (t) => {
  const controller = await ScriptedController.start(t);
  const { plane, keep } = bound(beside(t, controller));
  const outbound = keep(plane.outboundPolicy({ kind: 'authority', authority: SERVICE }));
  (await controller.next('Watch')).fail(grpc.status.NOT_FOUND, 'no such service');
  const state = await stateOf(outbound, ({ kind }) => kind === 'refused');
  assert.deepEqual(state, { kind: 'refused', code: grpc.status.NOT_FOUND, message: 'no such service' });
  // Another question comes through, so one that was asked again would have come before it.
  keep(plane.inboundPolicy(1));
  await controller.next('WatchPort');
  assert.equal(controller.calls('Watch').length, 1);
});

test('what is not final is asked again, and told of', LIMIT, async (t) => {
  const controller = await ScriptedController.start(t);
  const { plane, keep, logger } = bound(beside(t, controller));
  const server = keep(plane.inboundPolicy(8080));
  (await controller.next('WatchPort')).fail(grpc.status.NOT_FOUND, 'unknown server');
  (await controller.next('WatchPort')).send({ labels: { name: 'web' } });
  assert.deepEqual((await valueOf(server)).labels, { name: 'web' });
  const { fields, message } = await logger.find(({ level }) => level === 'warn');
  assert.equal(message, 'Unexpected policy controller response; retrying with a backoff');
  assert.deepEqual([fields['grpc.status'], fields['grpc.message']], ['NotFound', 'unknown server']);
});

test(
  'a stream that stays silent beyond its limit is opened again; one on this host has no limits',
  LIMIT,
  async (t) => {
    const controller = await ScriptedController.start(t);
    const limits = { initialMs: 50, idleMs: 100, lifetimeMs: 60_000 };
    const far = new ControlPlaneUnderTest(
      t,
      controllerAddress('controller.example', controller.port),
      limits,
    );
    far.names.ips('127.0.0.1');
    far.channel.start();
    const server = far.keep(far.plane.inboundPolicy(8080));
    const silent = await controller.next('WatchPort');
    const answered = await controller.next('WatchPort');
    assert.equal(server.health.lastFailure?.code, grpc.status.DEADLINE_EXCEEDED);
    await until('the silent stream is given up', () => silent.cancelled);
    assert.equal(answered.authority, `controller.example:${String(controller.port)}`);
    answered.send({ labels: { name: 'web' } });
    await valueOf(server);
    // Silence after an answer is no failure: the stream is opened again, the answer stays.
    const renewed = await controller.next('WatchPort');
    assert.equal(server.state.value.kind, 'known');
    assert.equal(renewed.cancelled, false);

    const near = new ControlPlaneUnderTest(t, controllerAddress('127.0.0.1', controller.port), limits);
    near.channel.start();
    near.keep(near.plane.profile(SERVICE));
    const unlimited = await controller.next('GetProfile');
    for (let renewals = 0; renewals < 3; renewals += 1) await controller.next('WatchPort');
    assert.equal(unlimited.cancelled, false);
    assert.equal(controller.calls('GetProfile').length, 1);
  },
);

test(
  'bytes that are no message do no harm: the last answer stays and the next one counts',
  LIMIT,
  async (t) => {
    const controller = await ScriptedController.start(t);
    const { plane, keep, logger } = bound(beside(t, controller));
    const profile = keep(plane.profile(SERVICE));
    const call = await controller.next('GetProfile');
    call.send({ fullyQualifiedName: 'good' });
    call.sendBytes(Buffer.alloc(7, 0xff));
    call.sendBytes(Buffer.alloc(9, 0xff));
    call.send({ fullyQualifiedName: 'better' });
    await valueOf(profile, ({ fullyQualifiedName }) => fullyQualifiedName === 'better');
    assert.equal(logger.at('warn').length, 1);
    assert.equal(controller.calls('GetProfile').length, 1);
  },
);

test(
  'endpoints are asked for anew after bytes that are no message, since one may be missing',
  LIMIT,
  async (t) => {
    const controller = await ScriptedController.start(t);
    const { plane, keep } = bound(beside(t, controller));
    const endpoints = keep(plane.endpoints(SERVICE));
    const first = await controller.next('Get');
    first.send(add('10.0.0.1'));
    await valueOf(endpoints, has('10.0.0.1'));
    first.sendBytes(Buffer.alloc(7, 0xff));
    const second = await controller.next('Get');
    assert.equal(endpoints.state.value.kind, 'known');
    second.send(add('10.0.0.2'));
    await valueOf(endpoints, has('10.0.0.2'));
  },
);

test('nonsense on the connection is a loss of it and nothing more', LIMIT, async (t) => {
  const controller = await ScriptedController.start(t);
  const { plane, keep } = bound(beside(t, controller));
  const profile = keep(plane.profile(SERVICE));
  (await controller.next('GetProfile')).send({ fullyQualifiedName: 'good' });
  await valueOf(profile);
  controller.sendGarbage();
  (await controller.next('GetProfile')).send({ fullyQualifiedName: 'better' });
  await valueOf(profile, ({ fullyQualifiedName }) => fullyQualifiedName === 'better');
});

test('a closed watch ends its stream at the controller', LIMIT, async (t) => {
  const controller = await ScriptedController.start(t);
  const { plane } = beside(t, controller);
  const watch = plane.inboundPolicy(8080);
  const call = await controller.next('WatchPort');
  watch.close();
  await until('the stream is given up', () => call.cancelled);
});

/** The parts a test uses, free of the whole. */
function bound(control: ControlPlaneUnderTest): Pick<ControlPlaneUnderTest, 'plane' | 'keep' | 'logger'> {
  return { plane: control.plane, logger: control.logger, keep: (watch) => control.keep(watch) };
}
