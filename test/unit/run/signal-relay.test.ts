// What each signal does to the command, and when everything ends hard.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isForegroundGroup, type RelayedSignal, SignalRelay } from '../../../src/run/signal-relay.js';
import { ManualClock } from '../../support/manual-clock.js';
import { RecordingLogger } from '../../support/recording-logger.js';

const GRACE_MS = 30_000;

class Bench {
  readonly killed: NodeJS.Signals[] = [];
  readonly clock = new ManualClock();
  readonly #listeners = new Map<RelayedSignal, () => void>();
  readonly relay: SignalRelay;

  constructor(sharesTerminal = false) {
    this.relay = new SignalRelay({
      signals: (signal, listener) => {
        this.#listeners.set(signal, listener);
        return () => this.#listeners.delete(signal);
      },
      sharesTerminal: () => sharesTerminal,
      clock: this.clock,
      logger: new RecordingLogger(),
      graceMs: GRACE_MS,
      kill: (signal) => this.killed.push(signal) > 0,
    });
  }

  send(signal: RelayedSignal): void {
    this.#listeners.get(signal)?.();
  }

  get listening(): number {
    return this.#listeners.size;
  }
}

for (const signal of ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGQUIT', 'SIGINT', 'SIGTERM'] as const) {
  test(`${signal} is passed on to the command`, () => {
    const bench = new Bench();
    bench.send(signal);
    assert.deepEqual(bench.killed, [signal]);
    assert.ok(!bench.relay.hardEnd.aborted);
  });
}

for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
  test(`${signal} of a shared terminal is left to the command, however often`, () => {
    const bench = new Bench(true);
    bench.send(signal);
    bench.send(signal);
    assert.deepEqual(bench.killed, []);
    assert.ok(!bench.relay.hardEnd.aborted);
  });
}

test('SIGTERM is passed on also with a shared terminal', () => {
  const bench = new Bench(true);
  bench.send('SIGTERM');
  assert.deepEqual(bench.killed, ['SIGTERM']);
});

test('a second ending signal ends everything hard', () => {
  const bench = new Bench();
  bench.send('SIGINT');
  bench.send('SIGTERM');
  assert.deepEqual(bench.killed, ['SIGINT', 'SIGKILL']);
  assert.ok(bench.relay.hardEnd.aborted);
});

test('signals that do not end anything may come often', () => {
  const bench = new Bench();
  bench.send('SIGUSR1');
  bench.send('SIGUSR1');
  assert.deepEqual(bench.killed, ['SIGUSR1', 'SIGUSR1']);
});

test('a command that does not follow SIGTERM within the grace is killed', () => {
  const bench = new Bench();
  bench.send('SIGTERM');
  bench.clock.advance(GRACE_MS - 1);
  assert.ok(!bench.relay.hardEnd.aborted);
  bench.clock.advance(1);
  assert.deepEqual(bench.killed, ['SIGTERM', 'SIGKILL']);
});

test('a command may ignore SIGINT for as long as it likes', () => {
  const bench = new Bench();
  bench.send('SIGINT');
  bench.clock.advance(10 * GRACE_MS);
  assert.deepEqual(bench.killed, ['SIGINT']);
});

test('asking to end is a SIGTERM, and asking again changes nothing', () => {
  const bench = new Bench();
  bench.relay.askToEnd();
  bench.relay.askToEnd();
  assert.deepEqual(bench.killed, ['SIGTERM']);
});

test('the first ending signal is remembered', () => {
  const bench = new Bench(true);
  assert.equal(bench.relay.endingSignal, undefined);
  bench.send('SIGHUP');
  bench.send('SIGINT');
  bench.send('SIGTERM');
  assert.equal(bench.relay.endingSignal, 'SIGINT');
});

test('nothing is listened to or timed after close', () => {
  const bench = new Bench();
  bench.send('SIGTERM');
  bench.relay.close();
  assert.deepEqual([bench.listening, bench.clock.waiting], [0, 0]);
});

test('the foreground group is read from behind any command name', () => {
  assert.ok(isForegroundGroup('42 (a) b) S 1 77 77 34816 77 4194304 1'));
  assert.ok(!isForegroundGroup('42 (node) S 1 77 77 34816 99 4194304 1'));
  assert.ok(!isForegroundGroup('42 (node) S 1 77 77 0 -1 4194304 1'));
});
