// Levels, formats and times of log lines.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

import { type LogFormat, type LogLevelName } from '../../../src/config/environment.js';
import { LogStreams } from '../../../src/logs/log-streams.js';
import { ProcessLogger } from '../../../src/logs/logger.js';
import { ManualClock } from '../../support/manual-clock.js';

function aLogger(
  format: LogFormat,
  level: LogLevelName = 'info',
): { logger: ProcessLogger; lines: string[]; clock: ManualClock } {
  const lines: string[] = [];
  const clock = new ManualClock(Date.UTC(2001, 1, 3, 4, 5, 6));
  const output = { write: (text: string) => lines.push(text), flush: () => undefined };
  return { logger: new ProcessLogger({ level, format, output, now: () => clock.wallTime() }), lines, clock };
}

test('plain lines tell the time since the start', () => {
  const { logger, lines, clock } = aLogger('plain');
  clock.advance(1250);
  logger.warn({ port: 80 }, 'busy');
  assert.deepEqual(lines, ['[   1.250s] WARN busy port=80\n']);
});

test('a JSON line keeps fields apart from what every line has', () => {
  const { logger, lines } = aLogger('json');
  logger.error({ level: 'mine', error: new Error('no'), absent: undefined }, 'failed');
  assert.deepEqual(JSON.parse(lines.join('')), {
    level: 'error',
    time: '2001-02-03T04:05:06.000Z',
    fields: { level: 'mine', error: 'Error: no' },
    message: 'failed',
  });
});

test('a JSON line without fields has none', () => {
  const { logger, lines } = aLogger('json');
  logger.info({}, 'ready');
  assert.deepEqual(Object.keys(JSON.parse(lines.join('')) as object), ['level', 'time', 'message']);
});

for (const format of ['plain', 'json'] as const) {
  test(`a line can be older than its writing (${format})`, () => {
    const { logger, lines, clock } = aLogger(format);
    clock.advance(5000);
    logger.log('info', {}, 'earlier', clock.wallTime() - 3000);
    assert.match(
      lines.join(''),
      format === 'plain' ? /^\[ +2\.000s\]/ : /"time":"2001-02-03T04:05:08\.000Z"/,
    );
  });

  test(`lines below the level are not written, and the level changes at once (${format})`, () => {
    const { logger, lines } = aLogger(format, 'warn');
    logger.info({}, 'quiet');
    assert.equal(lines.length, 0);
    logger.setLevel('debug');
    logger.debug({}, 'loud');
    assert.equal(lines.length, 1);
    logger.setLevel('off');
    logger.error({}, 'nothing');
    assert.equal(lines.length, 1);
  });
}

test('who follows the level is told of each change', () => {
  const { logger } = aLogger('plain');
  const seen: string[] = [];
  logger.level.subscribe((level) => seen.push(level));
  logger.setLevel('trace');
  assert.deepEqual(seen, ['info', 'trace']);
});

test('who follows the log gets lines below its level', async () => {
  const lines: string[] = [];
  const output = { write: (text: string) => lines.push(text), flush: () => undefined };
  const streams = new LogStreams();
  const logger = new ProcessLogger({ level: 'error', format: 'plain', output, now: () => 0, streams });
  const opened = streams.open('debug');
  assert.ok(opened.ok);
  logger.debug({ direction: 'outbound' }, 'quiet');
  const next = await opened.value.next();
  assert.ok(next.done !== true);
  assert.match(next.value, /"message":"quiet".*"target":"linkerd_app_outbound"/);
  assert.deepEqual(lines, []);
});

for (const [about, output] of [
  ['standard output', 'standardOutput'],
  ['standard error', 'standardErrorOutput'],
] as const) {
  test(`lines for ${about} go there, and nowhere else`, () => {
    const module = new URL('../../../src/logs/logger.js', import.meta.url).href;
    const code = `import { ${output} } from '${module}'; const o = ${output}(); o.write('line\\n'); o.flush();`;
    const ended = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' });
    const [here, there] =
      output === 'standardOutput' ? [ended.stdout, ended.stderr] : [ended.stderr, ended.stdout];
    assert.deepEqual([here, there, ended.status], ['line\n', '', 0]);
  });
}
