// Log lines, failures and losses of the data plane become lines of the log.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { type LogFields } from '../../../src/core/logger.js';
import { Direction, LogLevel, Reason } from '../../../src/dataplane/gen/contract_pb.js';
import { DataPlaneLog } from '../../../src/logs/data-plane-log.js';
import { type EndpointsPicture } from '../../../src/why/endpoints-picture.js';
import { aTarget, directoryOf, FakeSeries } from '../../support/fake-series.js';
import { ManualClock } from '../../support/manual-clock.js';

interface Line {
  level: string;
  fields: LogFields;
  message: string;
  timeMs: number | undefined;
}

interface Fixture {
  source: FakeSeries;
  lines: Line[];
  clock: ManualClock;
  log: DataPlaneLog;
  /** What the endpoints of target 4 look like now. */
  look: (picture: EndpointsPicture) => void;
}

function aLog(): Fixture {
  const source = new FakeSeries(1);
  const lines: Line[] = [];
  const clock = new ManualClock();
  let seen: EndpointsPicture | undefined;
  const log = new DataPlaneLog({
    source,
    log: { log: (level, fields, message, timeMs) => lines.push({ level, fields, message, timeMs }) },
    targets: directoryOf(aTarget(4, 'web:80')),
    picture: (id) => (id === 4 ? seen : undefined),
    now: () => clock.now(),
  });
  return { source, lines, clock, log, look: (picture) => (seen = picture) };
}

/** Only what is said. */
function said(fields: LogFields): LogFields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

test('a log line keeps its level, time, worker and fields', () => {
  const { source, lines } = aLog();
  const value = { level: LogLevel.LOG_WARN, timeMs: 123n, worker: 2, message: 'hm', fields: { fd: '7' } };
  source.emit({ events: [{ kind: { case: 'log', value } }] });
  assert.deepEqual(lines, [{ level: 'warn', fields: { worker: 2, fd: '7' }, message: 'hm', timeMs: 123 }]);
});

test('a failed request tells its reason and everything known of it', () => {
  const { source, lines } = aLog();
  const value = {
    timeMs: 5n,
    direction: Direction.OUTBOUND,
    reason: Reason.CONNECT_REFUSED,
    detail: 'ECONNREFUSED',
    client: { ip: Uint8Array.of(127, 0, 0, 1), port: 5000 },
    originalDestination: { ip: Uint8Array.of(10, 0, 0, 1), port: 80 },
    targetId: 4,
    endpoint: { ip: Uint8Array.of(127, 0, 0, 2), port: 81 },
    method: 'GET',
    path: '/x',
    status: 502,
  };
  source.emit({ events: [{ kind: { case: 'failure', value } }] });
  assert.equal(lines[0]?.level, 'warn');
  assert.equal(lines[0].message, 'request failed');
  assert.deepEqual(said(lines[0].fields), {
    reason: 'connect_refused',
    detail: 'ECONNREFUSED',
    direction: 'outbound',
    client: '127.0.0.1:5000',
    destination: '10.0.0.1:80',
    authority: 'web:80',
    endpoint: '127.0.0.2:81',
    method: 'GET',
    path: '/x',
    status: 502,
  });
});

for (const [reason, level] of [
  [Reason.CLIENT_CLOSED, 'debug'],
  [Reason.MALFORMED_REQUEST, 'info'],
  [Reason.NO_ENDPOINTS, 'warn'],
  [Reason.OUT_OF_DESCRIPTORS, 'error'],
] as const) {
  test(`a connection that ended by ${Reason[reason]} is a line of level ${level}`, () => {
    const { source, lines } = aLog();
    source.emit({ events: [{ kind: { case: 'failure', value: { reason, direction: Direction.INBOUND } } }] });
    assert.equal(lines[0]?.level, level);
    assert.deepEqual(said(lines[0].fields), { reason: Reason[reason].toLowerCase(), direction: 'inbound' });
    assert.equal(lines[0].message, 'connection failed');
  });
}

/** One endpoint that backs off. */
function aPicture(address: string): EndpointsPicture {
  return {
    timeMs: 0,
    counts: { ready: 0, backoff: 1, ejected: 0 },
    endpoints: [
      {
        address,
        state: 'backoff',
        inFlight: 0,
        idleConnections: 0,
        ewmaMs: 0,
        lastError: 'ECONNREFUSED',
        nextAttemptMs: 180,
      },
    ],
    waiting: 0,
    removed: [],
  };
}

test('the first fail-fast after each look at the endpoints tells their state', () => {
  const { source, lines, look } = aLog();
  const failFast = (targetId = 4, reason = Reason.FAIL_FAST): void => {
    source.emit({ events: [{ kind: { case: 'failure', value: { reason, targetId } } }] });
  };
  look(aPicture('127.0.0.1:81'));
  failFast();
  failFast();
  look(aPicture('127.0.0.1:82'));
  failFast(4, Reason.ENDPOINT_RESET);
  failFast();
  failFast(5);
  assert.deepEqual(
    lines.map(({ fields }) => fields['endpoints']),
    [
      '127.0.0.1:81 backing off, ECONNREFUSED, next attempt in 180 ms',
      undefined,
      undefined,
      '127.0.0.1:82 backing off, ECONNREFUSED, next attempt in 180 ms',
      undefined,
    ],
  );
});

test('lost lines are reported at most once a second, and none is forgotten', () => {
  const { source, lines, clock, log } = aLog();
  source.emit({ droppedLogs: 2n });
  source.emit({ droppedLogs: 3n });
  clock.advance(400);
  source.emit({ droppedLogs: 1n });
  assert.deepEqual(
    lines.map(({ fields }) => fields['lines']),
    [2n],
  );
  clock.advance(600);
  source.emit({});
  source.emit({ droppedLogs: 9n });
  log.close();
  assert.deepEqual(
    lines.map(({ fields }) => fields['lines']),
    [2n, 4n, 9n],
  );
  assert.equal(source.listenerCount, 0);
});
