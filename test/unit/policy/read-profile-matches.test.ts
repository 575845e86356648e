// Conditions of ServiceProfiles as matches: whatever is asked, they answer alike.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';

import { type RequestMatch, RequestMatchSchema } from '../../../src/api/gen/destination_pb.js';
import type { RequestMatchConfig } from '../../../src/config/route-config.js';
import { readCondition } from '../../../src/policy/read-profile-matches.js';
import { Reading } from '../../../src/policy/reading.js';
import { aMatch } from '../../support/mesh-configs.js';
import type { Init } from '../../support/policy-messages.js';

type Condition = Init<typeof RequestMatchSchema>;

const path = (regex: string): Condition => ({ match: { case: 'path', value: { regex } } });
const method = (name: string): Condition => ({
  match: { case: 'method', value: { type: { case: 'unregistered', value: name } } },
});
const all = (...matches: Condition[]): Condition => ({ match: { case: 'all', value: { matches } } });
const any = (...matches: Condition[]): Condition => ({ match: { case: 'any', value: { matches } } });
const not = (inner: Condition): Condition => ({ match: { case: 'not', value: inner } });

const pathMatch = (text: string): Partial<RequestMatchConfig> => ({ path: { kind: 'regex', text } });

function read(condition: Condition): { matches: readonly RequestMatchConfig[]; mistake: string | undefined } {
  const reading = new Reading();
  const matches = readCondition(reading, 'condition', create(RequestMatchSchema, condition));
  return { matches, mistake: reading.mistake };
}

for (const [what, condition, expected] of [
  ['a path is the whole path', path('/a'), [aMatch(pathMatch('^/a$'))]],
  ['a path that says so is not told twice', path(' ^/a$\n'), [aMatch(pathMatch('^/a$'))]],
  ['a method', method('GET'), [aMatch({ method: 'GET' })]],
  [
    'a path and a method are one match',
    all(path('/a'), method('GET')),
    [aMatch({ ...pathMatch('^/a$'), method: 'GET' })],
  ],
  ['all of nothing is everything', all(), [aMatch()]],
  ['any of nothing is nothing', any(), []],
  [
    'any of several are several',
    any(path('/a'), any(method('GET'))),
    [aMatch(pathMatch('^/a$')), aMatch({ method: 'GET' })],
  ],
  ['not', not(path('/a')), [aMatch({ none: [aMatch(pathMatch('^/a$'))] })]],
  [
    'two paths at once',
    all(path('/a'), path('/b')),
    [aMatch({ ...pathMatch('^/a$'), all: [aMatch(pathMatch('^/b$'))] })],
  ],
] as const satisfies readonly (readonly [string, Condition, readonly RequestMatchConfig[]])[]) {
  test(`a condition: ${what}`, () => {
    assert.deepEqual(read(condition), { matches: expected, mistake: undefined });
  });
}

test('a condition that is nested too deeply cannot be read', () => {
  let condition = path('/a');
  for (let depth = 0; depth < 10; depth += 1) condition = not(all(any(condition)));
  assert.match(read(condition).mistake ?? '', /is nested too deeply$/);
});

test('a condition with a part that says nothing cannot be read', () => {
  assert.equal(read(all(path('/a'), {})).mistake, 'condition.all.matches[1] is missing');
  assert.equal(read(any(not({}))).mistake, 'condition.any.matches[0].not is missing');
  assert.equal(read(method('')).mistake, 'condition.method is no method');
});

interface Request {
  readonly path: string;
  readonly method: string;
}

/** As the API has it. */
function asked({ match }: RequestMatch, request: Request): boolean {
  switch (match.case) {
    case 'all':
      return match.value.matches.every((inner) => asked(inner, request));
    case 'any':
      return match.value.matches.some((inner) => asked(inner, request));
    case 'not':
      return !asked(match.value, request);
    case 'path':
      return new RegExp(`^(?:${match.value.regex})$`).test(request.path);
    case 'method':
      return match.value.type.value === request.method;
    case undefined:
      throw new TypeError('there is no condition');
  }
}

/** As the data plane has it. */
function answered(match: RequestMatchConfig, request: Request): boolean {
  const { path: wanted, method: only, all: each = [], none = [] } = match;
  return (
    (wanted === undefined || new RegExp(wanted.text).test(request.path)) &&
    (only === '' || only === request.method) &&
    each.every((inner) => answered(inner, request)) &&
    !none.some((inner) => answered(inner, request))
  );
}

const PATHS = ['/a', '/b', '/a/b', '/'];
const METHODS = ['GET', 'PUT'];

const { condition: anyCondition } = fc.letrec<{ condition: Condition }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constantFrom('/a', '/b', '/a.*', '.*').map(path),
    fc.constantFrom(...METHODS).map(method),
    fc.array(tie('condition'), { maxLength: 3 }).map((inner) => all(...inner)),
    fc.array(tie('condition'), { maxLength: 3 }).map((inner) => any(...inner)),
    tie('condition').map(not),
  ),
}));

test('whatever the condition, matches answer what it asks', () => {
  fc.assert(
    fc.property(anyCondition, (condition) => {
      const { matches, mistake } = read(condition);
      fc.pre(mistake === undefined);
      const message = create(RequestMatchSchema, condition);
      for (const request of PATHS.flatMap((at) => METHODS.map((name) => ({ path: at, method: name })))) {
        const answer = matches.some((match) => answered(match, request));
        assert.equal(answer, asked(message, request), `${request.method} ${request.path}`);
      }
    }),
  );
});
