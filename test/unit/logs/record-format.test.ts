// Lines in the forms of linkerd2-proxy, and what of a line's fields becomes target, spans and thread.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { LOG_TARGETS, logRecord, type RecordParts } from '../../../src/logs/log-record.js';
import { jsonRecord, plainRecord } from '../../../src/logs/record-format.js';

const START = Date.UTC(2001, 1, 3, 4, 5, 6);

function parts(changes: Partial<RecordParts> = {}): RecordParts {
  return { level: 'info', fields: {}, message: 'm', timeMs: START, ...changes };
}

const FAILURE = {
  direction: 'outbound',
  client: '127.0.0.1:5000',
  destination: '10.0.0.1:80',
  endpoint: '10.1.2.3:8080',
  worker: 2,
  status: 502,
  absent: undefined,
};

for (const { about, of, line } of [
  {
    about: 'time, level, thread, target and message',
    of: parts({ timeMs: START + 1.234 }),
    line: '[     0.001234s]  INFO ThreadId(01) linkerd_app: m',
  },
  {
    about: 'what it happened in, and the rest of the fields',
    of: parts({ level: 'error', fields: FAILURE, message: 'request failed', timeMs: START + 12_345_678 }),
    line: '[ 12345.678000s] ERROR ThreadId(04) outbound:proxy{addr=10.0.0.1:80}:endpoint{addr=10.1.2.3:8080}: linkerd_app_outbound: request failed client=127.0.0.1:5000 status=502',
  },
  {
    about: 'the target it was given',
    of: parts({ target: LOG_TARGETS.process, fields: { direction: 'inbound' } }),
    line: '[     0.000000s]  INFO ThreadId(01) inbound: linkerd2_proxy: m',
  },
  {
    about: 'zero where it is older than the start',
    of: parts({ timeMs: START - 5, level: 'warn' }),
    line: '[     0.000000s]  WARN ThreadId(01) linkerd_app: m',
  },
  {
    about: 'one line whatever is in it',
    of: parts({ message: 'a\nb', fields: { 'k\n': 'v\nw', e: new Error('no') } }),
    line: String.raw`[     0.000000s]  INFO ThreadId(01) linkerd_app: a\nb k\n="v\nw" e="Error: no"`,
  },
]) {
  test(`a plain line has ${about}`, () => {
    assert.equal(plainRecord(logRecord(of), START), line);
  });
}

test('a line of JSON has absolute time, fields with the message, target, spans and thread', () => {
  const record = logRecord(
    parts({ fields: { ...FAILURE, big: 5n, error: new Error('no'), message: 'mine' }, message: 'failed' }),
  );
  assert.deepEqual(JSON.parse(jsonRecord(record)), {
    timestamp: '2001-02-03T04:05:06.000Z',
    level: 'INFO',
    fields: { client: '127.0.0.1:5000', status: 502, big: '5', error: 'Error: no', message: 'failed' },
    target: 'linkerd_app_outbound',
    spans: [
      { name: 'outbound' },
      { name: 'proxy', addr: '10.0.0.1:80' },
      { name: 'endpoint', addr: '10.1.2.3:8080' },
    ],
    threadId: 'ThreadId(4)',
  });
});

test('a line of JSON that happened in nothing has no list of spans', () => {
  const keys = Object.keys(JSON.parse(jsonRecord(logRecord(parts()))) as object);
  assert.deepEqual(keys, ['timestamp', 'level', 'fields', 'target', 'threadId']);
});

test('a direction that is none stays a field', () => {
  const { target, spans, fields } = logRecord(parts({ fields: { direction: 'up', worker: 'x' } }));
  assert.deepEqual([target, spans, fields], ['linkerd_app', [], { direction: 'up', worker: 'x' }]);
});
