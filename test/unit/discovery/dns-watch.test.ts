// Following a name: when it is asked for again, and what its answers do to the endpoints.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { DnsRecordType } from '../../../src/discovery/dns-resolver.js';
import { DnsWatch, type NameState } from '../../../src/discovery/dns-watch.js';
import { FakeDnsResolver, settle } from '../../support/fake-dns-resolver.js';
import { ManualClock } from '../../support/manual-clock.js';

class Fixture {
  readonly resolver = new FakeDnsResolver();
  readonly clock = new ManualClock();
  readonly states: string[] = [];
  readonly watch: DnsWatch;

  constructor(types: readonly DnsRecordType[] = ['a']) {
    this.watch = new DnsWatch({
      name: 'web.example',
      types,
      minTtlMs: 5000,
      maxTtlMs: 60_000,
      resolver: this.resolver,
      clock: this.clock,
      random: () => 0,
    });
    this.watch.state.subscribe((state) => this.states.push(textOf(state)));
  }

  async start(): Promise<void> {
    this.watch.start();
    await settle();
  }

  async pass(byMs: number): Promise<void> {
    this.clock.advance(byMs);
    await settle();
  }
}

function textOf(state: NameState): string {
  if (state.kind === 'pending') return 'pending';
  if (state.kind === 'failed') return `failed: ${state.failure}`;
  const ips = state.endpoints.map(({ address }) => address.ip).join(',');
  return state.failure === undefined ? `[${ips}]` : `[${ips}] but ${state.failure}`;
}

test('an answer is used for its time to live, and asked for again when that is over', async () => {
  const name = new Fixture();
  name.resolver.addresses('web.example', ['10.0.0.1'], 30_000);
  await name.start();
  name.resolver.addresses('web.example', ['10.0.0.2'], 30_000);
  await name.pass(29_999);
  assert.deepEqual(name.states, ['pending', '[10.0.0.1]']);
  await name.pass(1);
  assert.deepEqual(name.states, ['pending', '[10.0.0.1]', '[10.0.0.2]']);
});

test('the time to live is kept within its bounds', async () => {
  for (const [ttlMs, expected] of [
    [0, 5000],
    [1000, 5000],
    [86_400_000, 60_000],
  ] as const) {
    const name = new Fixture();
    name.resolver.addresses('web.example', ['10.0.0.1'], ttlMs);
    await name.start();
    assert.equal(name.clock.untilNext, expected);
  }
});

test('failures back off and keep the last good answer', async () => {
  const name = new Fixture();
  name.resolver.addresses('web.example', ['10.0.0.1'], 10_000);
  await name.start();
  name.resolver.fail('web.example', 'ETIMEOUT');
  await name.pass(10_000);
  const waits = [];
  for (let attempt = 0; attempt < 8; attempt += 1) {
    waits.push(name.clock.untilNext);
    await name.pass(name.clock.untilNext ?? 0);
  }
  assert.deepEqual(waits, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  assert.deepEqual(name.states, ['pending', '[10.0.0.1]', '[10.0.0.1] but ETIMEOUT']);
  name.resolver.addresses('web.example', ['10.0.0.1'], 10_000);
  await name.pass(60_000);
  assert.equal(name.states.at(-1), '[10.0.0.1]');
});

test('an answer that there is nothing takes the endpoints away', async () => {
  const name = new Fixture();
  name.resolver.addresses('web.example', ['10.0.0.1'], 10_000);
  await name.start();
  name.resolver.addresses('web.example', []);
  await name.pass(10_000);
  assert.equal(name.states.at(-1), '[]');
  assert.equal(name.clock.untilNext, 5000);
});

test('a name that was never answered is failed, and becomes known later', async () => {
  const name = new Fixture();
  name.resolver.fail('web.example', 'ESERVFAIL');
  await name.start();
  name.resolver.addresses('web.example', ['10.0.0.1']);
  await name.pass(1000);
  assert.deepEqual(name.states, ['pending', 'failed: ESERVFAIL', '[10.0.0.1]']);
});

test('both address families are joined, and a failure of one does not touch the other', async () => {
  const name = new Fixture(['a', 'aaaa']);
  name.resolver.addresses('web.example', ['10.0.0.1', 'fd00::1'], 10_000);
  await name.start();
  assert.equal(name.states.at(-1), '[10.0.0.1,fd00::1]');
  name.resolver.answer('web.example', 'aaaa', { kind: 'failed', detail: 'ETIMEOUT' });
  name.resolver.answer('web.example', 'a', { kind: 'empty', detail: 'gone' });
  await name.pass(10_000);
  assert.equal(name.states.at(-1), '[fd00::1] but ETIMEOUT');
});

test('it stays pending while one family is empty and the other unanswered', async () => {
  const name = new Fixture(['a', 'aaaa']);
  name.resolver.answer('web.example', 'a', { kind: 'empty', detail: 'none' });
  name.resolver.answer('web.example', 'aaaa', { kind: 'failed', detail: 'ETIMEOUT' });
  await name.start();
  assert.deepEqual(name.states, ['pending', 'failed: ETIMEOUT']);
});

test('the same addresses in another order are no news', async () => {
  const name = new Fixture();
  name.resolver.addresses('web.example', ['10.0.0.1', '10.0.0.2'], 10_000);
  await name.start();
  name.resolver.addresses('web.example', ['10.0.0.2', '10.0.0.1'], 10_000);
  await name.pass(10_000);
  assert.deepEqual(name.states, ['pending', '[10.0.0.1,10.0.0.2]']);
});

test('stop cancels what is being asked, and nothing is asked again', async () => {
  const name = new Fixture();
  name.resolver.addresses('web.example', ['10.0.0.1']);
  name.resolver.hold();
  name.watch.start();
  name.watch.stop();
  name.resolver.release();
  await settle();
  assert.deepEqual(name.states, ['pending']);
  assert.equal(name.clock.waiting, 0);
});
