// The page about the environment of `sluice proxy` and the table that is parsed are the same.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { PROXY_VARIABLE_SECTIONS, PROXY_VARIABLES } from '../../../src/config/proxy-variables.js';

interface Row {
  readonly name: string;
  readonly value: string;
  readonly absent: string;
  readonly isWithoutEffect: boolean;
}

const PAGE = readFileSync('docs/environment.md', 'utf8');

function rows(text: string): readonly Row[] {
  return text.split('\n').flatMap((line) => {
    const [, nameCell = '', value = '', absent = '', meaning = ''] = line
      .split('|')
      .map((cell) => cell.trim());
    const name = /^`([A-Z0-9_]+)`$/.exec(nameCell)?.[1];
    if (name === undefined || meaning === '') return [];
    return [{ name, value, absent, isWithoutEffect: meaning.endsWith('_No effect yet._') }];
  });
}

function expected(variables: typeof PROXY_VARIABLES): readonly Row[] {
  return variables.map(({ name, grammar, absent, effect }) => ({
    name,
    value: grammar.name,
    absent: absent === '' ? 'empty' : absent,
    isWithoutEffect: effect === 'later',
  }));
}

for (const { title, variables } of PROXY_VARIABLE_SECTIONS) {
  test(`${title}: the page has each variable with its form, its default and whether it has an effect`, () => {
    const section = PAGE.split(`### ${title}\n`)[1]?.split('\n#')[0] ?? '';
    assert.deepEqual(rows(section), expected(variables));
  });
}

test('the page has every variable once', () => {
  assert.deepEqual(
    rows(PAGE).map(({ name }) => name),
    PROXY_VARIABLES.map(({ name }) => name),
  );
});
