// The log of `sluice proxy`: its filter, its forms, its parts, and changes while running.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { type LogFormat, type LogLevelName } from '../../../src/config/environment.js';
import { ProxyLogger } from '../../../src/logs/proxy-logger.js';
import { ManualClock } from '../../support/manual-clock.js';

interface Fixture {
  readonly logger: ProxyLogger;
  readonly lines: string[];
  readonly clock: ManualClock;
}

function aLogger(filter: string | undefined, format: LogFormat = 'plain'): Fixture {
  const lines: string[] = [];
  const clock = new ManualClock(Date.UTC(2001, 1, 3, 4, 5, 6));
  const output = { write: (text: string) => lines.push(text), flush: () => undefined };
  const created = ProxyLogger.create({ filter, format, output, now: () => clock.wallTime() });
  assert.ok(created.ok);
  return { logger: created.value, lines, clock };
}

test('with the default filter our own lines are let through at INFO, those of the name system as errors', () => {
  const { logger, lines } = aLogger('warn,linkerd=info,hickory=error');
  logger.part('process').info({}, 'starts');
  logger.info({ direction: 'inbound' }, 'serves');
  logger.debug({}, 'quiet');
  logger.part('dns').warn({}, 'quiet too');
  logger.part('dns').error({}, 'loud');
  assert.deepEqual(lines, [
    '[     0.000000s]  INFO ThreadId(01) linkerd2_proxy: starts\n',
    '[     0.000000s]  INFO ThreadId(01) inbound: linkerd_app_inbound: serves\n',
    '[     0.000000s] ERROR ThreadId(01) hickory_resolver: loud\n',
  ]);
});

test('time is counted from the start, and a line can be older than its writing', () => {
  const { logger, lines, clock } = aLogger('info');
  clock.advance(2500);
  logger.info({}, 'now');
  logger.log('info', {}, 'earlier', clock.wallTime() - 1000);
  assert.match(lines.join(''), /^\[ +2\.500000s\].* now\n\[ +1\.500000s\].* earlier\n$/);
});

test('lines of JSON are objects', () => {
  const { logger, lines } = aLogger('info', 'json');
  logger.warn({ port: 80 }, 'busy');
  assert.deepEqual(JSON.parse(lines.join('')), {
    timestamp: '2001-02-03T04:05:06.000Z',
    level: 'WARN',
    fields: { port: 80, message: 'busy' },
    target: 'linkerd_app',
    threadId: 'ThreadId(1)',
  });
});

test('the filter changes at once, and a bad one changes nothing', () => {
  const { logger, lines } = aLogger('warn');
  const seen: LogLevelName[] = [];
  logger.level.subscribe((level) => seen.push(level));
  logger.info({}, 'quiet');
  assert.equal(logger.control?.change('linkerd=debug'), undefined);
  logger.debug({}, 'loud');
  assert.equal(
    logger.control?.change('linkerd=chatty'),
    'invalid filter directive "linkerd=chatty": unknown level "chatty"',
  );
  assert.equal(logger.control.current(), 'linkerd=debug');
  assert.equal(lines.length, 1);
  assert.deepEqual(seen, ['warn', 'debug']);
});

test('a bad filter makes no logger', () => {
  const output = { write: () => undefined, flush: () => undefined };
  const created = ProxyLogger.create({ filter: 'linkerd=', format: 'plain', output, now: () => 0 });
  assert.ok(created.ok);
  const bad = ProxyLogger.create({ filter: 'a b', format: 'plain', output, now: () => 0 });
  assert.deepEqual(bad, { ok: false, error: 'invalid filter directive "a b"' });
});

test('where nothing is logged nobody can change that, or follow', () => {
  const { logger, lines } = aLogger(undefined);
  logger.error({}, 'nothing');
  logger.part('admin').error({}, 'nothing');
  assert.deepEqual(lines, []);
  assert.equal(logger.control, undefined);
  assert.equal(logger.streams, undefined);
  assert.equal(logger.level.value, 'off');
});

test('who follows the log sees what the output does not', async () => {
  const { logger, lines } = aLogger('error');
  const opened = logger.streams?.open('linkerd=debug');
  assert.ok(opened?.ok);
  logger.part('control').debug({}, 'seen');
  const next = await opened.value.next();
  assert.ok(next.done !== true);
  assert.match(next.value, /"target":"linkerd_app_core::control"/);
  assert.deepEqual(lines, []);
});
