// Following the log live: filters, slow readers, ends.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { type LogLevelName } from '../../../src/config/environment.js';
import { Watch } from '../../../src/core/watch.js';
import { followLoudest, LogStreams, STREAM_LINES } from '../../../src/logs/log-streams.js';
import { type RecordParts } from '../../../src/logs/log-record.js';

function parts(message: string, level: RecordParts['level'] = 'info', target?: string): RecordParts {
  return { level, fields: {}, message, timeMs: 0, target };
}

function opened(streams: LogStreams, filter: string): AsyncIterableIterator<string> {
  const stream = streams.open(filter);
  assert.ok(stream.ok);
  return stream.value;
}

async function nextLines(stream: AsyncIterableIterator<string>): Promise<Record<string, unknown>[]> {
  const next = await stream.next();
  if (next.done === true) return [];
  assert.ok(next.value.endsWith('\n'));
  return next.value
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

function messagesOf(lines: readonly Record<string, unknown>[]): unknown[] {
  return lines.map(({ fields }) => (fields as { message: string }).message);
}

test('each reader gets what its own filter lets through, from then on', async () => {
  const streams = new LogStreams();
  streams.offer(parts('before'));
  const all = opened(streams, 'trace');
  const some = opened(streams, 'hickory=warn');
  streams.offer(parts('one', 'trace'));
  streams.offer(parts('two', 'warn', 'hickory_resolver'));
  assert.deepEqual(messagesOf(await nextLines(all)), ['one', 'two']);
  assert.deepEqual(messagesOf(await nextLines(some)), ['two']);
});

test('a reader that waits gets the next line as it comes', async () => {
  const streams = new LogStreams();
  const stream = opened(streams, 'info');
  const waiting = nextLines(stream);
  streams.offer(parts('late'));
  assert.deepEqual(messagesOf(await waiting), ['late']);
});

test('what a slow reader loses is counted, and told after what it gets', async () => {
  const streams = new LogStreams();
  const stream = opened(streams, 'info');
  for (let index = 0; index < STREAM_LINES + 3; index++) streams.offer(parts(String(index)));
  const lines = await nextLines(stream);
  assert.equal(lines.length, STREAM_LINES + 1);
  assert.deepEqual(lines.at(-1), { dropped_events: 3 });
  streams.offer(parts('after'));
  assert.deepEqual(messagesOf(await nextLines(stream)), ['after']);
});

test('a bad filter is refused with the directive that is wrong', () => {
  assert.deepEqual(new LogStreams().open('info,a b'), {
    ok: false,
    error: 'invalid filter directive "a b"',
  });
});

test('what the data plane must log follows the readers as they come and go', async () => {
  const streams = new LogStreams();
  const seen: LogLevelName[] = [];
  streams.level.subscribe((level) => seen.push(level));
  const one = opened(streams, 'info');
  const other = opened(streams, 'linkerd=trace');
  opened(streams, 'off');
  await other.return?.();
  await one.return?.();
  assert.deepEqual(seen, ['off', 'info', 'trace', 'info', 'off']);
});

test('a reader that left gets no more lines and its iteration ends', async () => {
  const streams = new LogStreams();
  const stream = opened(streams, 'info');
  const waiting = nextLines(stream);
  await stream.return?.();
  assert.deepEqual(await waiting, []);
  assert.ok(!streams.isFollowed);
});

test('closing lets readers have what waits for them, and ends later ones at once', async () => {
  const streams = new LogStreams();
  const stream = opened(streams, 'info');
  streams.offer(parts('last'));
  streams.close();
  assert.deepEqual(messagesOf(await nextLines(stream)), ['last']);
  assert.deepEqual(await nextLines(stream), []);
  assert.deepEqual(await nextLines(opened(streams, 'info')), []);
});

test('the most talkative of several levels is told whenever one changes', () => {
  const one = new Watch<LogLevelName>('warn');
  const other = new Watch<LogLevelName>('off');
  const seen: LogLevelName[] = [];
  const unfollow = followLoudest([one, other], (level) => seen.push(level));
  other.set('debug');
  one.set('error');
  other.set('off');
  unfollow();
  one.set('trace');
  assert.deepEqual(seen.slice(-3), ['debug', 'debug', 'error']);
  assert.equal(seen[0], 'warn');
});
