// Every variable of `sluice proxy`, one row each: set well, set badly, and not set.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { type Variables } from '../../../src/config/environment.js';
import { parseProxyEnvironment } from '../../../src/config/proxy-environment.js';
import { PROXY_VARIABLES } from '../../../src/config/proxy-variables.js';
import { FakeFiles, leastProxyEnvironment } from '../../support/proxy-environments.js';
import { LABELS_FILE, ROWS_OF_PROCESS } from '../../support/proxy-rows-of-process.js';
import { ROWS_OF_SERVICES } from '../../support/proxy-rows-of-services.js';
import { ROWS_OF_SIDES } from '../../support/proxy-rows-of-sides.js';
import { REFUSED, type VariableRow } from '../../support/proxy-variable-rows.js';

const ROWS = [...ROWS_OF_PROCESS, ...ROWS_OF_SIDES, ...ROWS_OF_SERVICES];

function files(): FakeFiles {
  const inMemory = new FakeFiles();
  inMemory.contents.set(LABELS_FILE, 'app="web"\n');
  return inMemory;
}

/** The least environment with the row's variable set to `text`, or not set. */
function environment(row: VariableRow, text: string | undefined): Variables {
  const own: Record<string, string | undefined> = { ...leastProxyEnvironment(), ...row.beside };
  const dropped = new Set([...(row.without ?? []), row.name]);
  const kept = Object.entries(own).filter(([name]) => !dropped.has(name));
  return { ...Object.fromEntries(kept), ...(text === undefined ? {} : { [row.name]: text }) };
}

for (const row of ROWS) {
  const { name } = row;

  test(`${name}: a good value is used`, () => {
    const parsed = parseProxyEnvironment(environment(row, row.good), files());
    assert.ok(parsed.ok, JSON.stringify(parsed));
    assert.deepEqual(row.of(parsed.value.config), row.value);
  });

  test(`${name}: not set, it has its default or is asked for`, () => {
    const parsed = parseProxyEnvironment(environment(row, undefined), files());
    if (row.absent === REFUSED) {
      assert.ok(!parsed.ok);
      assert.ok(
        parsed.error.lines.some((line) => line.includes(name) || line.includes('IDENTITY_')),
        parsed.error.lines.join('\n'),
      );
    } else {
      assert.ok(parsed.ok, JSON.stringify(parsed));
      assert.deepEqual(row.of(parsed.value.config), row.absent);
    }
  });

  if (row.bad === undefined) continue;
  const bad = row.bad;
  test(`${name}: a bad value is told by its name`, () => {
    const parsed = parseProxyEnvironment(environment(row, bad), files());
    if ('afterBad' in row) {
      assert.ok(parsed.ok, JSON.stringify(parsed));
      assert.deepEqual(row.of(parsed.value.config), row.afterBad);
      return;
    }
    assert.ok(!parsed.ok);
    assert.equal(parsed.error.reason, 'invalid environment variable');
    assert.equal(parsed.error.lines.length, 1, parsed.error.lines.join('\n'));
    assert.ok(parsed.error.lines[0]?.startsWith(name), parsed.error.lines[0]);
  });
}

test('every variable has its row, and every row its variable', () => {
  assert.deepEqual(
    ROWS.map(({ name }) => name).toSorted(),
    PROXY_VARIABLES.map(({ name }) => name).toSorted(),
  );
});

test('a variable that is not text is told so', () => {
  for (const { name } of ROWS.filter(({ bad, ...row }) => bad !== undefined && !('afterBad' in row))) {
    const least = { ...leastProxyEnvironment(), [name]: 'a\ufffdb' };
    const parsed = parseProxyEnvironment(least, files());
    const line = `${name} is not encoded in Unicode`;
    const isReadElse = !parsed.ok && parsed.error.lines.includes(line);
    // The names of SPIRE and of servers are not read beside IDENTITY_LOCAL_NAME.
    assert.ok(isReadElse || name.includes('IDENTITY_SERVER_'), name);
  }
});
