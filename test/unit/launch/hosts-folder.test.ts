// The folder of a hosts file: made readable, removed, and swept when its process is gone.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { createHostsFolder, removeHostsFolder, sweepHostsFolders } from '../../../src/launch/hosts-folder.js';

async function aParent(t: TestContext): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'sluice-test-'));
  t.after(() => rm(parent, { recursive: true }));
  return parent;
}

test('the file is readable by whatever user the command becomes, and goes with its folder', async (t) => {
  const parent = await aParent(t);
  const { folder, file } = await createHostsFolder(parent, 42, '10.0.0.1 web\n');
  assert.equal(await readFile(file, 'utf8'), '10.0.0.1 web\n');
  assert.equal((await stat(file)).mode & 0o777, 0o644);
  await removeHostsFolder(folder);
  assert.deepEqual(await readdir(parent), []);
});

test('only folders of processes that are gone are swept', async (t) => {
  const parent = await aParent(t);
  await createHostsFolder(parent, 1, 'gone');
  const { folder: alive } = await createHostsFolder(parent, 2, 'alive');
  await sweepHostsFolders(parent, (pid) => pid === 2);
  assert.deepEqual(
    (await readdir(parent)).map((name) => join(parent, name)),
    [alive],
  );
});

test('nothing else is swept: other names, other contents, links to elsewhere', async (t) => {
  const parent = await aParent(t);
  const elsewhere = await aParent(t);
  await writeFile(join(elsewhere, 'hosts'), 'precious');
  await symlink(elsewhere, join(parent, 'sluice-1-linked'));
  await mkdir(join(parent, 'sluice-1-folder', 'hosts'), { recursive: true });
  await mkdir(join(parent, 'sluice-demo-abcdef'));
  const before = (await readdir(parent)).sort();
  await sweepHostsFolders(parent, () => false);
  assert.deepEqual((await readdir(parent)).sort(), before);
  assert.equal(await readFile(join(elsewhere, 'hosts'), 'utf8'), 'precious');
});
