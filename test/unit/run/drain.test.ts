// The end of a run: bounded, and cut short by a hard end.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defaultMeshConfig } from '../../../src/config/defaults.js';
import { IdSequence } from '../../../src/core/ids.js';
import { Watch } from '../../../src/core/watch.js';
import { drain } from '../../../src/run/drain.js';
import { type RunContext } from '../../../src/run/run-context.js';
import { Teardown } from '../../../src/run/teardown.js';
import { FakeDataPlane } from '../../support/fake-dataplane.js';
import { ManualClock } from '../../support/manual-clock.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { aRunOptions } from '../../support/run-options.js';

interface Bench {
  clock: ManualClock;
  logger: RecordingLogger;
  run: RunContext;
}

function aRun(): Bench {
  const clock = new ManualClock();
  const logger = new RecordingLogger();
  const run: RunContext = {
    options: aRunOptions(),
    effects: {
      clock,
      variables: () => ({}),
      prepareWorkload: () => Promise.reject(new Error('no workload here')),
      procFiles: {
        readText: () => Promise.reject(new Error('no files here')),
        list: () => Promise.reject(new Error('no files here')),
        readLink: () => Promise.reject(new Error('no files here')),
      },
    },
    logger,
    teardown: new Teardown(logger),
    config: new Watch(defaultMeshConfig),
    listenerIds: new IdSequence(),
  };
  return { clock, logger, run };
}

test('draining ends with the last connection', async () => {
  const { clock, logger, run } = aRun();
  const dataPlane = new FakeDataPlane();
  const drained = drain(run, dataPlane, new AbortController().signal);
  assert.equal(dataPlane.drainGraceMs, defaultMeshConfig.timeouts.drainMs);
  dataPlane.emit({ case: 'drained', value: {} });
  await drained;
  assert.deepEqual([clock.waiting, dataPlane.subscribers, logger.records.length], [0, 0, 0]);
});

test('draining ends a little after its grace, with a warning', async () => {
  const { clock, logger, run } = aRun();
  const dataPlane = new FakeDataPlane();
  const drained = drain(run, dataPlane, new AbortController().signal);
  clock.advance(defaultMeshConfig.timeouts.drainMs + 1000);
  await drained;
  assert.equal(logger.at('warn').length, 1);
  assert.equal(dataPlane.subscribers, 0);
});

test('a hard end ends draining at once, or keeps it from beginning', async () => {
  const { clock, run } = aRun();
  const dataPlane = new FakeDataPlane();
  const hard = new AbortController();
  const drained = drain(run, dataPlane, hard.signal);
  hard.abort();
  await drained;
  assert.equal(clock.waiting, 0);
  dataPlane.drainGraceMs = undefined;
  await drain(run, dataPlane, hard.signal);
  assert.equal(dataPlane.drainGraceMs, undefined);
});
