// Every mesh file of examples/ is one: it is read without a mistake, its routes are compiled, and the data
// plane (a fake that checks what it is told) takes them.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

import { formatMeshFileError, parseMeshFile } from '../../../src/config/parse-mesh-file.js';
import { RouterFixture } from '../../support/router-fixture.js';

const FILES = readdirSync('examples', { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.yaml'),
);

test('there are examples', () => {
  for (const name of [
    'mesh',
    'canary',
    'header-routing',
    'retries',
    'circuit-breaker',
    'failure-injection',
    'controller',
  ]) {
    assert.ok(FILES.includes(`${name}.yaml`), name);
  }
});

for (const name of FILES) {
  test(`examples/${name} says what it does, is read and compiled`, async () => {
    const text = readFileSync(`examples/${name}`, 'utf8');
    assert.match(text, /^# .{20}/);
    const parsed = parseMeshFile(text, name);
    assert.ok(parsed.ok, parsed.ok ? '' : parsed.error.map(formatMeshFileError).join('\n'));
    const mesh = await RouterFixture.started(parsed.value);
    assert.deepEqual(mesh.refusals, []);
    const expected = parsed.value.services
      .filter(({ routes, tcp }) => routes.length > 0 || tcp !== undefined)
      .reduce((sum, { ports }) => sum + ports.length, 0);
    assert.equal(mesh.dataPlane.routeTables.size, expected);
  });
}
