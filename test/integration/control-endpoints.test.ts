// Connections to the endpoints of a controller, over real sockets and with time that the test moves: all
// endpoints of a name are used, those that are gone from it are not dialled, and nobody waits for ever.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { type TestContext, test } from 'node:test';

import * as grpc from '@grpc/grpc-js';

import { ControlCounters } from '../../src/control/control-counters.js';
import { controllerAddress } from '../../src/control/controller-address.js';
import { ControllerChannel } from '../../src/control/controller-channel.js';
import { EndpointConnection } from '../../src/control/endpoint-connection.js';
import type { RpcStatus } from '../../src/control/rpc-status.js';
import { testSettings } from '../support/control-plane-under-test.js';
import { settle } from '../support/fake-dns-resolver.js';
import { FakeControllerNames } from '../support/fake-controller-names.js';
import { ManualClock } from '../support/manual-clock.js';
import { until } from '../support/processes.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { ScriptedController } from '../support/scripted-controller.js';

const LIMIT = { timeout: 30_000 };
const REFRESH_MS = 5000;
const GET = '/io.linkerd.proxy.destination.Destination/Get';

class Fixture {
  readonly names = new FakeControllerNames();
  readonly clock = new ManualClock();
  readonly logger = new RecordingLogger();
  readonly counters = new ControlCounters();
  readonly channel: ControllerChannel;
  readonly ends: RpcStatus[] = [];

  constructor(t: TestContext, port: number) {
    this.channel = new ControllerChannel({
      settings: testSettings(controllerAddress('controller.example', port)),
      names: this.names,
      counters: this.counters,
      clock: this.clock,
      logger: this.logger,
    });
    t.after(() => {
      this.channel.close();
    });
  }

  /** Asks an empty question and leaves its stream open. */
  ask(): { cancel(reason: 'unwanted' | 'silent'): void } {
    return this.channel.ask(
      { path: GET, request: Buffer.alloc(0) },
      { sent: () => undefined, message: () => undefined, end: (status) => this.ends.push(status) },
    );
  }

  async whenReady(count: number): Promise<void> {
    await until(`${String(count)} endpoints are ready`, () => this.channel.picture.ready === count);
  }

  /** Moves time little by little, so that sockets have theirs. */
  async passUntil(what: string, isSo: () => boolean): Promise<void> {
    await until(what, () => {
      this.clock.advance(100);
      return isSo();
    });
  }

  /** Moves time until the name is asked for again, and lets the answer arrive. */
  async refresh(): Promise<void> {
    const { length } = this.names.questions;
    this.clock.advance(REFRESH_MS);
    await until('the name is asked for', () => this.names.questions.length >= length + 2);
  }
}

/** Two controllers with one port on two addresses. */
async function pair(t: TestContext): Promise<readonly [ScriptedController, ScriptedController]> {
  const one = await ScriptedController.start(t);
  const other = await ScriptedController.start(t, { host: '127.0.0.2', port: one.port });
  return [one, other];
}

test('two addresses behind a name are both used, by the streams that are open on each', LIMIT, async (t) => {
  const [one, other] = await pair(t);
  const { channel, names, ...fixture } = parts(new Fixture(t, 1));
  names.targets(
    { target: '127-0-0-1.pod.example', port: one.port },
    { target: '127-0-0-2.pod.example', port: one.port },
  );
  channel.start();
  await fixture.whenReady(2);
  for (let count = 0; count < 20; count += 1) fixture.ask();
  await until('all arrived', () => one.calls('Get').length + other.calls('Get').length === 20);
  // With two candidates the one with fewer open streams is taken every time.
  assert.deepEqual([one.calls('Get').length, other.calls('Get').length], [10, 10]);
  assert.deepEqual([one.accepted, other.accepted], [1, 1]);
});

test(
  'an address that the name loses keeps its streams, takes no new ones, and is never dialled again',
  LIMIT,
  async (t) => {
    const [one, other] = await pair(t);
    const { channel, names, ...fixture } = parts(new Fixture(t, one.port));
    names.ips('127.0.0.1');
    channel.start();
    await fixture.whenReady(1);
    fixture.ask();
    const kept = await one.next('Get');
    names.ips('127.0.0.2');
    await fixture.refresh();
    await until('the first is gone', () => other.accepted === 1);
    await fixture.whenReady(1);
    for (let count = 0; count < 5; count += 1) fixture.ask();
    await until('all arrived', () => other.calls('Get').length === 5);
    assert.equal(kept.cancelled, false);
    one.resetConnections();
    await until('its stream ends', () => fixture.ends.length === 1);
    // The other one is dialled again after the same loss, so a dial to the first would have come too.
    other.resetConnections();
    await fixture.passUntil('the other is dialled', () => other.accepted === 2);
    assert.equal(one.accepted, 1);
  },
);

test('an address is not dialled after it was lost while it refused connections', LIMIT, async (t) => {
  const [one, other] = await pair(t);
  await one.stop();
  const { channel, names, logger, ...fixture } = parts(new Fixture(t, one.port));
  names.ips('127.0.0.1', '127.0.0.2');
  channel.start();
  await fixture.whenReady(1);
  const { fields } = await logger.find(({ message }) => message === 'Failed to connect');
  assert.equal(fields['addr'], `127.0.0.1:${String(one.port)}`);
  assert.match(String(fields['error']), /ECONNREFUSED/);
  names.ips('127.0.0.2');
  await fixture.refresh();
  assert.deepEqual(channel.picture, { ready: 1, pending: 0, waiting: 0 });
  await one.restart();
  other.resetConnections();
  await fixture.passUntil('the other is dialled', () => other.accepted === 2);
  assert.equal(one.accepted, 0);
});

test('the library under it does not come back to a dial that failed', LIMIT, async (t) => {
  // Its own timers; ours are those of the manual clock.
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const one = await ScriptedController.start(t);
  await one.stop();
  const { channel, names, logger } = parts(new Fixture(t, one.port));
  names.ips('127.0.0.1');
  channel.start();
  await logger.find(({ message }) => message === 'Failed to connect');
  channel.close();
  await one.restart();
  for (let minutes = 0; minutes < 3; minutes += 1) {
    t.mock.timers.tick(61_000);
    await settle();
  }
  // A connection of the test's own comes after those that were begun before it.
  const probe = net.connect(one.port, '127.0.0.1');
  await once(probe, 'connect');
  while (one.accepted === 0) await settle();
  probe.destroy();
  assert.equal(one.accepted, 1);
});

test('endpoints stay while the name cannot be looked up', LIMIT, async (t) => {
  const one = await ScriptedController.start(t);
  const { channel, names, ...fixture } = parts(new Fixture(t, one.port));
  names.ips('127.0.0.1');
  channel.start();
  await fixture.whenReady(1);
  names.addressAnswer = { kind: 'failed', detail: 'ESERVFAIL', retryMs: undefined };
  await fixture.refresh();
  fixture.ask();
  await one.next('Get');
});

test(
  'a peer that takes the connection but says nothing is given up, and dialled again after a wait',
  LIMIT,
  async (t) => {
    const one = await ScriptedController.start(t);
    one.mute(true);
    const { channel, names, ...fixture } = parts(new Fixture(t, one.port));
    names.ips('127.0.0.1');
    channel.start();
    await until('it is dialled', () => one.open === 1);
    await fixture.passUntil('it is given up', () => one.open === 0);
    one.mute(false);
    await fixture.passUntil('it is ready', () => channel.picture.ready === 1);
    fixture.ask();
    await one.next('Get');
  },
);

test(
  'RPCs wait for an endpoint, are sent when there is one, and fail when there is none for too long',
  LIMIT,
  async (t) => {
    const one = await ScriptedController.start(t);
    await one.stop();
    const { channel, names, clock, logger, ...fixture } = parts(new Fixture(t, one.port));
    names.ips('127.0.0.1');
    channel.start();
    await logger.find(({ message }) => message === 'Failed to connect');
    fixture.ask();
    clock.advance(30_000);
    assert.deepEqual(
      fixture.ends.map(({ code }) => code),
      [grpc.status.UNAVAILABLE],
    );
    fixture.ask();
    fixture.ask().cancel('unwanted');
    assert.equal(channel.picture.waiting, 1);
    await one.restart();
    await fixture.passUntil('it is ready', () => channel.picture.ready === 1);
    await one.next('Get');
    assert.equal(channel.picture.waiting, 0);
  },
);

test('more RPCs than may wait fail at once', LIMIT, (t) => {
  const { channel, clock, ...fixture } = parts(new Fixture(t, 1));
  for (let count = 0; count < 1001; count += 1) fixture.ask();
  clock.advance(0);
  assert.deepEqual(
    fixture.ends.map(({ code }) => code),
    [grpc.status.UNAVAILABLE],
  );
  assert.equal(channel.picture.waiting, 1000);
});

test('an endpoint that answered nothing in time is asked only when no other is there', LIMIT, async (t) => {
  const [one, other] = await pair(t);
  const { channel, names, ...fixture } = parts(new Fixture(t, one.port));
  names.ips('127.0.0.1', '127.0.0.2');
  channel.start();
  await fixture.whenReady(2);
  const first = fixture.ask();
  await until('it arrived', () => one.calls('Get').length + other.calls('Get').length === 1);
  const [silent, answering] = one.calls('Get').length === 1 ? [one, other] : [other, one];
  first.cancel('silent');
  for (let count = 0; count < 6; count += 1) fixture.ask();
  await until('all arrived', () => answering.calls('Get').length === 6);
  assert.equal(silent.calls('Get').length, 1);
});

test('a connection may be closed by whoever is told that it is ready', LIMIT, async (t) => {
  const one = await ScriptedController.start(t);
  await new Promise<void>((resolve) => {
    const connection = new EndpointConnection({
      endpoint: { ip: '127.0.0.1', port: one.port },
      settings: testSettings(controllerAddress('127.0.0.1', one.port)),
      counters: new ControlCounters(),
      clock: new ManualClock(),
      logger: new RecordingLogger(),
      onReady: () => {
        connection.close();
        resolve();
      },
    });
    connection.start();
  });
  await until('it is closed', () => one.accepted === 1 && one.open === 0);
});

test('RPCs are counted by how they ended, and those that were never answered apart', LIMIT, async (t) => {
  const one = await ScriptedController.start(t);
  const { channel, names, counters, ...fixture } = parts(new Fixture(t, one.port));
  names.ips('127.0.0.1');
  channel.start();
  await fixture.whenReady(1);
  for (let count = 0; count < 4; count += 1) fixture.ask();
  (await one.next('Get')).end();
  (await one.next('Get')).fail(grpc.status.NOT_FOUND, 'no such service');
  const answered = await one.next('Get');
  answered.send({});
  answered.fail(grpc.status.UNAVAILABLE, 'busy');
  await until('three ended', () => fixture.ends.length === 3);
  one.resetConnections();
  await until('all ended', () => fixture.ends.length === 4);
  const counted = [...counters.responses].map(({ responded, grpcStatus, classification, count }) =>
    [responded ? '200' : '-', grpcStatus, classification, count].join(' '),
  );
  assert.deepEqual(counted.toSorted(), [
    '-  failure 1',
    '200 0 success 1',
    '200 14 failure 1',
    '200 5 success 1',
  ]);
  assert.equal(counters.requests, 4);
  assert.equal(counters.updates.Reset, 1);
  assert.deepEqual(counters.names, { srv: { ok: 0, notFound: 1 }, address: { ok: 1, notFound: 0 } });
});

/** The parts a test uses, free of the whole. */
function parts(fixture: Fixture): Pick<
  Fixture,
  'channel' | 'names' | 'clock' | 'logger' | 'counters' | 'ends'
> & {
  ask: Fixture['ask'];
  whenReady: Fixture['whenReady'];
  refresh: Fixture['refresh'];
  passUntil: Fixture['passUntil'];
} {
  const { channel, names, clock, logger, counters, ends } = fixture;
  return {
    channel,
    names,
    clock,
    logger,
    counters,
    ends,
    ask: () => fixture.ask(),
    whenReady: (count) => fixture.whenReady(count),
    refresh: () => fixture.refresh(),
    passUntil: (what, isSo) => fixture.passUntil(what, isSo),
  };
}
