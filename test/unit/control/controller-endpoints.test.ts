// Finding the endpoints of a controller: SRV records whose targets carry addresses, plain addresses when
// those fail, and when the name is asked for again (reference, proxy behaviour §11).
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { controllerAddress } from '../../../src/control/controller-address.js';
import { ControllerEndpoints } from '../../../src/control/controller-endpoints.js';
import { nameCounts } from '../../../src/control/controller-names.js';
import { formatHostPort } from '../../../src/core/ip.js';
import { testSettings } from '../../support/control-plane-under-test.js';
import { FakeControllerNames } from '../../support/fake-controller-names.js';
import { settle } from '../../support/fake-dns-resolver.js';
import { ManualClock } from '../../support/manual-clock.js';
import { RecordingLogger } from '../../support/recording-logger.js';

class Fixture {
  readonly names = new FakeControllerNames();
  readonly clock = new ManualClock();
  readonly counts = nameCounts();
  readonly found: ControllerEndpoints;

  constructor(host = 'controller.example') {
    this.found = new ControllerEndpoints({
      settings: testSettings(controllerAddress(host, 8086)),
      names: this.names,
      counts: this.counts,
      clock: this.clock,
      logger: new RecordingLogger(),
      random: () => 0,
    });
  }

  async start(): Promise<this> {
    this.found.start();
    await settle();
    return this;
  }

  async pass(byMs: number): Promise<void> {
    this.clock.advance(byMs);
    await settle();
  }

  get addresses(): string | undefined {
    return this.found.endpoints.value?.map(formatHostPort).join();
  }
}

for (const [host, expected] of [
  ['127.0.0.1', '127.0.0.1:8086'],
  ['10.0.0.1', '10.0.0.1:8086'],
  ['fd00::1', '[fd00::1]:8086'],
  ['localhost', '127.0.0.1:8086'],
] as const) {
  test(`${host} is known without asking`, async () => {
    const fixture = await new Fixture(host).start();
    assert.equal(fixture.addresses, expected);
    assert.deepEqual(fixture.names.questions, []);
    assert.equal(fixture.clock.waiting, 0);
  });
}

test('addresses are taken from the first labels of SRV targets, ports from the records', async () => {
  const fixture = new Fixture();
  fixture.names.targets(
    { target: '10-0-0-1.linkerd-dst.linkerd.svc.cluster.local', port: 1 },
    { target: 'fd00--2.linkerd-dst.linkerd.svc.cluster.local.', port: 2 },
    { target: '10-0-0-1.linkerd-dst.linkerd.svc.cluster.local', port: 1 },
  );
  await fixture.start();
  assert.equal(fixture.addresses, '10.0.0.1:1,[fd00::2]:2');
  assert.deepEqual(fixture.names.questions, ['srv controller.example']);
});

test('one target without an address makes the addresses of the name count', async () => {
  const fixture = new Fixture();
  fixture.names.targets({ target: '10-0-0-1.example', port: 1 }, { target: 'pod-one.example', port: 2 });
  fixture.names.ips('10.0.0.7');
  await fixture.start();
  assert.equal(fixture.addresses, '10.0.0.7:8086');
  assert.deepEqual(fixture.counts, { srv: { ok: 1, notFound: 0 }, address: { ok: 1, notFound: 0 } });
});

test('the name is asked for again when its records are over, though not within five seconds', async () => {
  for (const [ttlMs, expected] of [
    [undefined, 5000],
    [1000, 5000],
    [30_000, 30_000],
  ] as const) {
    const fixture = new Fixture();
    fixture.names.addressAnswer = { kind: 'found', records: ['10.0.0.1'], ttlMs };
    await fixture.start();
    assert.equal(fixture.clock.untilNext, expected);
    fixture.names.addressAnswer = { kind: 'found', records: ['10.0.0.2'], ttlMs };
    await fixture.pass(expected);
    assert.equal(fixture.addresses, '10.0.0.2:8086');
  }
});

test('after failures the waits grow, and the endpoints that are known stay', async () => {
  const fixture = new Fixture();
  fixture.names.ips('10.0.0.1');
  await fixture.start();
  fixture.names.addressAnswer = { kind: 'failed', detail: 'ESERVFAIL', retryMs: undefined };
  await fixture.pass(5000);
  const waits: (number | undefined)[] = [];
  for (let count = 0; count < 5; count += 1) {
    waits.push(fixture.clock.untilNext);
    await fixture.pass(fixture.clock.untilNext ?? 0);
  }
  assert.deepEqual(waits, [20, 40, 80, 160, 200]);
  assert.equal(fixture.addresses, '10.0.0.1:8086');
  assert.equal(fixture.counts.address.notFound, 6);
});

test('an absence that says how long it may be believed is asked about after that, not within five seconds', async () => {
  for (const [addressMs, srvMs, expected] of [
    [30_000, 60_000, 30_000],
    [undefined, 60_000, 60_000],
    [1000, 60_000, 5000],
  ] as const) {
    const fixture = new Fixture();
    fixture.names.srvAnswer = { kind: 'failed', detail: 'none', retryMs: srvMs };
    fixture.names.addressAnswer = { kind: 'failed', detail: 'none', retryMs: addressMs };
    await fixture.start();
    assert.equal(fixture.clock.untilNext, expected);
    assert.equal(fixture.addresses, undefined);
  }
});

test('nothing is asked after stop', async () => {
  const fixture = await new Fixture().start();
  fixture.found.stop();
  assert.equal(fixture.clock.waiting, 0);
  const asking = new Fixture();
  asking.names.ips('10.0.0.1');
  asking.found.start();
  asking.found.stop();
  await settle();
  assert.equal(asking.addresses, undefined);
  assert.equal(asking.clock.waiting, 0);
});
