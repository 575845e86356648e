// What routes of ServiceProfiles call failures.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';

import { ResponseClassSchema, type ResponseMatchSchema } from '../../../src/api/gen/destination_pb.js';
import { readResponseClasses } from '../../../src/policy/read-response-classes.js';
import { Reading } from '../../../src/policy/reading.js';
import type { Init } from '../../support/policy-messages.js';

type Condition = Init<typeof ResponseMatchSchema>;
type Class = Init<typeof ResponseClassSchema>;

const status = (min: number, max = min): Condition => ({ match: { case: 'status', value: { min, max } } });
const all = (...matches: Condition[]): Condition => ({ match: { case: 'all', value: { matches } } });
const any = (...matches: Condition[]): Condition => ({ match: { case: 'any', value: { matches } } });
const not = (inner: Condition): Condition => ({ match: { case: 'not', value: inner } });
const failure = (condition: Condition): Class => ({ condition, isFailure: true });
const success = (condition: Condition): Class => ({ condition, isFailure: false });

function read(...classes: readonly Class[]): { readonly text: string; readonly notes: number } {
  const reading = new Reading();
  const ranges = readResponseClasses(
    reading,
    'response_classes',
    classes.map((item) => create(ResponseClassSchema, item)),
  );
  const text = ranges.map(({ first, last }) => `${String(first)}-${String(last)}`).join(' ');
  return { text, notes: reading.notes.length };
}

for (const [what, classes, expected] of [
  ['those of servers, when nothing is said', [], '500-599'],
  ['others besides', [failure(status(429))], '429-429 500-599'],
  ['not all of those of servers', [success(status(501, 502))], '500-500 503-599'],
  ['none, as a status that no response has', [success(status(500, 599))], '1-1'],
  ['by the first class that holds', [success(status(404)), failure(status(400, 499))], '400-403 405-599'],
  ['whatever is not good', [failure(not(status(200, 299)))], '100-199 300-599'],
  ['any of several', [failure(any(status(404), status(409)))], '404-404 409-409 500-599'],
  ['all of several', [failure(all(status(400, 410), status(405, 499)))], '405-410 500-599'],
  ['nothing for an empty range', [failure(status(405, 404))], '500-599'],
  ['up to the last status there is', [failure(status(400, 999))], '400-599'],
] as const satisfies readonly (readonly [string, readonly Class[], string])[]) {
  test(`failures are ${what}`, () => {
    assert.deepEqual(read(...classes), { text: expected, notes: 0 });
  });
}

for (const [what, bad] of [
  ['without a condition', { isFailure: true }],
  ['with a condition of no kind', failure({})],
  ['of all of nothing', failure(all())],
  ['of any of nothing', failure(any())],
  ['of not nothing', failure(not({}))],
  ['with a status below 100', failure(status(0, 499))],
  ['with a status above 999', failure(status(400, 1000))],
  ['with a part that is not valid', failure(any(status(404), status(0)))],
] as const satisfies readonly (readonly [string, Class])[]) {
  test(`a class ${what} is left out`, () => {
    assert.deepEqual(read(bad, failure(status(404))), { text: '404-404 500-599', notes: 1 });
  });
}

test('ranges are in order and never touch', () => {
  const code = fc.integer({ min: 100, max: 620 });
  const classes = fc.array(
    fc.tuple(code, code, fc.boolean()).map(([min, max, isFailure]): Class => ({
      condition: status(min, max),
      isFailure,
    })),
    { maxLength: 6 },
  );
  fc.assert(
    fc.property(classes, (items) => {
      const numbers = read(...items)
        .text.split(/[ -]/)
        .map(Number);
      for (let index = 1; index < numbers.length; index += 1) {
        const gap = (numbers[index] ?? 0) - (numbers[index - 1] ?? 0);
        assert.ok(index % 2 === 1 ? gap >= 0 : gap > 1, numbers.join(' '));
      }
    }),
  );
});
