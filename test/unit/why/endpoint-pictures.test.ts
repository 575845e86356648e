// When the workers are asked about endpoints, and who gets which picture.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CommandRefusedError } from '../../../src/dataplane/dataplane.js';
import { type Inspection } from '../../../src/dataplane/gen/contract_pb.js';
import { EndpointPictures } from '../../../src/why/endpoint-pictures.js';
import { anInspection } from '../../support/failures.js';
import { aTarget, directoryOf } from '../../support/fake-series.js';
import { ManualClock } from '../../support/manual-clock.js';

class Workers {
  readonly clock = new ManualClock(0);
  readonly pictures: EndpointPictures;
  asked = 0;
  /** How long they take to answer. */
  slownessMs = 0;
  answer: () => Inspection = () => anInspection({ 1: ['127.0.0.1:81'], 2: ['127.0.0.1:82'] });

  constructor() {
    this.pictures = new EndpointPictures({
      inspect: () => {
        this.asked++;
        this.clock.advance(this.slownessMs);
        return this.answer();
      },
      targets: directoryOf(aTarget(1, 'web:80'), aTarget(2, 'db:5432'), aTarget(3, 'new:80'), aTarget(4, '')),
      clock: this.clock,
    });
  }

  /** Addresses in the picture of a target. */
  shown(targetId: number): readonly string[] | undefined {
    return this.pictures.of(targetId)?.endpoints.map(({ address }) => address);
  }
}

test('a storm of failures of one target looks once a second, and shares the picture', () => {
  const workers = new Workers();
  const first = workers.pictures.of(1);
  for (let i = 0; i < 999; i++) {
    workers.clock.advance(1);
    assert.equal(workers.pictures.of(1), first);
  }
  assert.equal(workers.asked, 1);
  workers.clock.advance(1);
  const next = workers.pictures.of(1);
  assert.notEqual(next, first);
  assert.deepEqual([first?.timeMs, next?.timeMs, workers.asked], [0, 1000, 2]);
});

test('targets that fail together share one look', () => {
  const workers = new Workers();
  assert.deepEqual(
    [workers.shown(1), workers.shown(2), workers.asked],
    [['127.0.0.1:81'], ['127.0.0.1:82'], 1],
  );
});

test('workers that are slow to answer are asked less often', () => {
  const workers = new Workers();
  workers.slownessMs = 200;
  workers.pictures.of(1);
  workers.clock.advance(3999);
  workers.pictures.of(1);
  assert.equal(workers.asked, 1);
  workers.clock.advance(1);
  workers.pictures.of(1);
  assert.equal(workers.asked, 2);
});

test('an old picture stays the same object while there is no newer look', () => {
  const workers = new Workers();
  workers.slownessMs = 200;
  const first = workers.pictures.of(1);
  workers.clock.advance(2000);
  assert.equal(workers.pictures.of(1), first);
});

test('a target younger than the look is not taken for one without endpoints', () => {
  const workers = new Workers();
  workers.pictures.of(1);
  assert.equal(workers.pictures.of(3), undefined);
  workers.answer = () => anInspection({ 3: ['127.0.0.1:83'] });
  workers.clock.advance(100);
  assert.deepEqual(workers.shown(3), ['127.0.0.1:83']);
});

test('a target that is gone has no endpoints', () => {
  const workers = new Workers();
  workers.answer = () => anInspection({});
  assert.deepEqual(workers.shown(1), []);
});

test('what is merely forwarded, and what nobody knows, costs no look', () => {
  const workers = new Workers();
  assert.deepEqual(
    [workers.pictures.of(4), workers.pictures.of(0), workers.asked],
    [undefined, undefined, 0],
  );
});

test('workers that do not answer in time give no picture, and are left alone for a while', () => {
  const workers = new Workers();
  workers.slownessMs = 1000;
  workers.answer = () => {
    throw new CommandRefusedError('', 'a worker did not answer in time', 110);
  };
  assert.equal(workers.pictures.of(1), undefined);
  workers.clock.advance(19_000);
  assert.equal(workers.pictures.of(2), undefined);
  assert.equal(workers.asked, 1);
});
