// Keeping one question open: when it is asked again, what ends it, and what is known meanwhile.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { toBinary, create } from '@bufbuild/protobuf';

import { type Server, ServerSchema } from '../../../src/api/gen/inbound_pb.js';
import type { StreamLimits } from '../../../src/config/proxy-config.js';
import { NO_LIMITS } from '../../../src/control/controller-address.js';
import { RPC_CODE, WRONG_QUESTION } from '../../../src/control/rpc-status.js';
import { type StreamKind, WatchStream } from '../../../src/control/watch-stream.js';
import { FakeTransport } from '../../support/fake-transport.js';
import { ManualClock } from '../../support/manual-clock.js';
import { RecordingLogger } from '../../support/recording-logger.js';

const KIND: StreamKind = {
  name: 'InboundServerPolicies/WatchPort',
  terminal: WRONG_QUESTION,
  terminalForgets: false,
  resumesAtOnce: true,
  incremental: false,
};
const UNAVAILABLE = { code: RPC_CODE.unavailable, message: 'connection lost' };
const OK = { code: RPC_CODE.ok, message: '' };

class Fixture {
  readonly clock = new ManualClock();
  readonly logger = new RecordingLogger();
  readonly transport = new FakeTransport();
  readonly watch: WatchStream<typeof ServerSchema, string>;

  constructor(kind: Partial<StreamKind> = {}, limits: StreamLimits = NO_LIMITS) {
    this.watch = new WatchStream({
      kind: { ...KIND, ...kind },
      question: { path: '/a/B', request: Buffer.alloc(0) },
      subject: '8080',
      output: ServerSchema,
      fold: { opened: () => undefined, message: (server: Server) => server.labels['name'] },
      transport: this.transport,
      limits,
      backoff: { minMs: 100, maxMs: 1000, jitter: 0 },
      clock: this.clock,
      logger: this.logger,
      random: () => 0,
    });
  }

  answer(name: string): void {
    this.transport.latest.listener.sent();
    this.transport.latest.listener.message(
      toBinary(ServerSchema, create(ServerSchema, { labels: { name } })),
    );
  }

  end(status: { code: number; message: string }): void {
    this.transport.latest.listener.end(status);
  }

  get known(): string {
    const { value } = this.watch.state;
    return value.kind === 'known' ? value.value : value.kind;
  }
}

test('waits grow while no stream answers, and begin anew after one that did', () => {
  const stream = new Fixture();
  const waits: (number | undefined)[] = [];
  for (let count = 0; count < 6; count += 1) {
    stream.end(UNAVAILABLE);
    waits.push(stream.clock.untilNext);
    stream.clock.advance(stream.clock.untilNext ?? 0);
  }
  assert.deepEqual(waits, [100, 200, 400, 800, 1000, 1000]);
  stream.answer('web');
  stream.clock.advance(100);
  stream.end(UNAVAILABLE);
  assert.equal(stream.clock.untilNext, 0);
  stream.clock.advance(0);
  stream.end(UNAVAILABLE);
  assert.equal(stream.clock.untilNext, 100);
  assert.equal(stream.known, 'web');
});

test('a stream that may not be resumed at once waits the minimum after one that answered', () => {
  const stream = new Fixture({ resumesAtOnce: false });
  stream.answer('web');
  stream.clock.advance(5000);
  stream.end(OK);
  assert.equal(stream.clock.untilNext, 100);
});

test('streams that end as soon as they have answered are not asked for without a pause', () => {
  const stream = new Fixture();
  const waits: (number | undefined)[] = [];
  for (let count = 0; count < 4; count += 1) {
    stream.answer('web');
    stream.end(OK);
    waits.push(stream.clock.untilNext);
    stream.clock.advance(stream.clock.untilNext ?? 0);
  }
  assert.deepEqual(waits, [100, 200, 400, 800]);
});

test('failures are warned of with their status; a clean end is not', () => {
  const stream = new Fixture();
  stream.end(OK);
  assert.deepEqual(
    stream.logger.records.map(({ level }) => level),
    ['debug'],
  );
  stream.clock.advance(100);
  stream.end(UNAVAILABLE);
  const [{ fields, message } = assert.fail('no warning')] = stream.logger.at('warn');
  assert.equal(message, 'Unexpected policy controller response; retrying with a backoff');
  assert.equal(fields['grpc.status'], 'Unavailable');
  assert.equal(fields['grpc.message'], 'connection lost');
});

for (const code of [RPC_CODE.invalidArgument, RPC_CODE.failedPrecondition]) {
  test(`nothing is asked after final status ${String(code)}`, () => {
    const stream = new Fixture();
    stream.end({ code, message: 'no' });
    assert.deepEqual(stream.watch.state.value, { kind: 'refused', code, message: 'no' });
    assert.equal(stream.clock.waiting, 0);
    assert.deepEqual(stream.logger.at('warn'), []);
  });
}

test('a final status leaves what is known, or takes it away where the stream is such', () => {
  for (const [terminalForgets, expected] of [
    [false, 'web'],
    [true, 'refused'],
  ] as const) {
    const stream = new Fixture({ terminalForgets });
    stream.answer('web');
    stream.end({ code: RPC_CODE.invalidArgument, message: 'no' });
    assert.equal(stream.known, expected);
    assert.equal(stream.clock.waiting, 0);
  }
});

test('no first message in time is a failure that the transport is told of as silence', () => {
  for (const limits of [
    { initialMs: 3000, idleMs: 9000, lifetimeMs: undefined },
    { initialMs: undefined, idleMs: 3000, lifetimeMs: undefined },
  ]) {
    const stream = new Fixture({}, limits);
    stream.clock.advance(2999);
    assert.equal(stream.transport.latest.cancelled, undefined);
    stream.clock.advance(1);
    assert.equal(stream.transport.latest.cancelled, 'silent');
    assert.equal(stream.watch.health.lastFailure?.code, RPC_CODE.deadlineExceeded);
    assert.equal(stream.clock.untilNext, 100);
  }
});

test('silence between messages and a long life end a stream without failure', () => {
  const stream = new Fixture({}, { initialMs: 1000, idleMs: 5000, lifetimeMs: 12_000 });
  stream.answer('one');
  stream.clock.advance(4000);
  stream.answer('two');
  stream.clock.advance(4999);
  assert.equal(stream.transport.asked.length, 1);
  stream.clock.advance(1);
  assert.equal(stream.transport.asked.length, 2);
  for (let count = 0; count < 4; count += 1) {
    stream.answer('three');
    stream.clock.advance(3000);
  }
  assert.equal(stream.transport.asked.length, 3);
  assert.equal(stream.watch.health.lastFailure, undefined);
  assert.equal(stream.known, 'three');
});

test('bytes that are no message are told of once, and another stream is asked for where one may be missed', () => {
  for (const [incremental, streams] of [
    [false, 1],
    [true, 2],
  ] as const) {
    const stream = new Fixture({ incremental });
    stream.answer('web');
    stream.transport.latest.listener.message(Buffer.alloc(5, 0xff));
    stream.clock.advance(100);
    stream.transport.latest.listener.message(Buffer.alloc(5, 0xff));
    const told = stream.logger.records.filter(({ message }) => message.startsWith('Undecodable'));
    assert.equal(told.length, 1);
    assert.equal(stream.transport.asked.length, streams);
    assert.equal(stream.known, 'web');
  }
});

test('health tells whether a stream is open, since when, and what came last', () => {
  const stream = new Fixture();
  assert.deepEqual(stream.watch.health, {
    open: false,
    sinceMs: 0,
    lastMessageMs: undefined,
    lastFailure: undefined,
  });
  stream.clock.advance(10);
  stream.answer('web');
  stream.clock.advance(10);
  assert.deepEqual([stream.watch.health.open, stream.watch.health.sinceMs], [true, 10]);
  stream.end(UNAVAILABLE);
  assert.deepEqual(stream.watch.health, {
    open: false,
    sinceMs: 20,
    lastMessageMs: 10,
    lastFailure: { ...UNAVAILABLE, atMs: 20 },
  });
});

test('a closed watch cancels its stream, asks no more and keeps its state', () => {
  const stream = new Fixture();
  stream.answer('web');
  const { listener } = stream.transport.latest;
  stream.watch.close();
  assert.equal(stream.transport.latest.cancelled, 'unwanted');
  listener.end(UNAVAILABLE);
  stream.clock.advance(10_000);
  assert.equal(stream.transport.asked.length, 1);
  assert.equal(stream.known, 'web');
  const waiting = new Fixture();
  waiting.end(UNAVAILABLE);
  waiting.watch.close();
  assert.equal(waiting.clock.waiting, 0);
});
