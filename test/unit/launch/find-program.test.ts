// Looking a program up, on a real directory tree.
import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { findProgram } from '../../../src/launch/find-program.js';

test('programs are found, missing or not executable as execvp(3) sees them', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'sluice-test-'));
  t.after(() => rm(root, { recursive: true }));
  const first = join(root, 'first');
  const second = join(root, 'second');
  for (const directory of [first, second]) await mkdir(directory);
  await writeFile(join(second, 'tool'), '#!/bin/sh\n');
  await chmod(join(second, 'tool'), 0o755);
  await writeFile(join(first, 'plain'), '');
  await writeFile(join(first, 'both'), '');
  await writeFile(join(second, 'both'), '');
  await chmod(join(second, 'both'), 0o755);
  await mkdir(join(first, 'tool'));
  const path = `${first}:${second}`;

  const cases: readonly (readonly [string, string | undefined, string, string])[] = [
    ['tool', path, 'found', join(second, 'tool')],
    ['both', path, 'found', join(second, 'both')],
    ['plain', path, 'not-executable', 'first/plain is not executable'],
    ['absent', path, 'missing', 'absent is not found in PATH'],
    ['tool', '', 'missing', 'not found'],
    ['sh', undefined, 'found', '/bin/sh'],
    ['', path, 'missing', 'empty'],
    [join(second, 'tool'), undefined, 'found', join(second, 'tool')],
    [join(first, 'plain'), path, 'not-executable', 'not executable'],
    [first, path, 'not-executable', 'is a directory'],
    [join(root, 'absent'), path, 'missing', 'does not exist'],
    [join(second, 'tool', 'below'), path, 'missing', 'does not exist'],
  ];
  for (const [name, searchPath, kind, text] of cases) {
    const found = await findProgram(name, searchPath);
    assert.equal(found.kind, kind, name);
    const told = found.kind === 'found' ? found.path : found.message;
    assert.ok(told.endsWith(text) || told.includes(text), `${name}: ${told}`);
  }
});

test('an element of PATH that is empty means the working directory', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-test-'));
  const before = process.cwd();
  t.after(async () => {
    process.chdir(before);
    await rm(directory, { recursive: true });
  });
  await writeFile(join(directory, 'here'), '');
  await chmod(join(directory, 'here'), 0o755);
  process.chdir(directory);
  assert.deepEqual(await findProgram('here', '/nowhere:'), { kind: 'found', path: './here' });
  assert.deepEqual(await findProgram('here', '.'), { kind: 'found', path: './here' });
});
