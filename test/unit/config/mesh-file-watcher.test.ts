// Following a mesh file: every way in which editors and orchestrators change one. Real files; time is
// the test's own, so that "a second later" takes no second.
import assert from 'node:assert/strict';
import { mkdtemp, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import type { MeshConfig } from '../../../src/config/mesh-config.js';
import { loadMeshFile, MeshFileWatcher } from '../../../src/config/mesh-file-watcher.js';
import { systemClock } from '../../../src/core/clock.js';
import { ManualClock } from '../../support/manual-clock.js';
import { RecordingLogger } from '../../support/recording-logger.js';

function meshOf(name: string): string {
  return `services: {${name}: {ports: [80], endpoints: []}}\n`;
}

class Fixture {
  readonly folder: string;
  readonly file: string;
  readonly clock = new ManualClock();
  readonly logger = new RecordingLogger();
  readonly seen: string[] = [];
  watcher: MeshFileWatcher | undefined;
  /** What the watcher was given to be woken with. */
  touch: () => void = () => undefined;

  constructor(folder: string) {
    this.folder = folder;
    this.file = join(folder, 'mesh.yaml');
  }

  async watch(): Promise<void> {
    const loaded = await loadMeshFile(this.file);
    assert.ok(loaded.ok);
    this.watcher = new MeshFileWatcher({
      loaded: loaded.value,
      clock: this.clock,
      logger: this.logger,
      watchFolder: (_, onChange) => {
        this.touch = onChange;
        return () => undefined;
      },
    });
    this.watcher.config.subscribe((config) => this.seen.push(nameOf(config)));
    await this.watcher.start();
  }

  /** Lets time pass until the promise has settled. */
  async meanwhile<T>(promise: Promise<T>): Promise<T> {
    const state = { settled: false };
    const done = promise.finally(() => {
      state.settled = true;
    });
    while (!state.settled) {
      this.clock.advance(100);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    return done;
  }

  async untilSeen(name: string): Promise<void> {
    const watcher = this.watcher;
    assert.ok(watcher !== undefined);
    await this.meanwhile(
      new Promise<void>((resolve) => {
        watcher.config.subscribe((config) => {
          if (nameOf(config) === name) resolve();
        });
      }),
    );
  }

  async untilLogged(message: RegExp): Promise<void> {
    await this.meanwhile(this.logger.find((record) => message.test(record.message)));
  }
}

function nameOf(config: MeshConfig): string {
  return config.services[0]?.name ?? '';
}

async function fixture(context: TestContext): Promise<Fixture> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-mesh-file-'));
  const made = new Fixture(folder);
  context.after(async () => {
    await made.watcher?.stop();
    await rm(folder, { recursive: true });
  });
  await writeFile(made.file, meshOf('one'));
  return made;
}

test('an edit in place is picked up', async (context) => {
  const mesh = await fixture(context);
  await mesh.watch();
  await writeFile(mesh.file, meshOf('two'));
  await mesh.untilSeen('two');
  assert.deepEqual(mesh.seen, ['one', 'two']);
});

test('a file renamed over the old one is picked up, again and again', async (context) => {
  const mesh = await fixture(context);
  await mesh.watch();
  for (const name of ['two', 'three']) {
    await writeFile(`${mesh.file}.new`, meshOf(name));
    await rename(`${mesh.file}.new`, mesh.file);
    await mesh.untilSeen(name);
  }
  assert.deepEqual(mesh.seen, ['one', 'two', 'three']);
});

test('a swapped symbolic link to another folder is picked up', async (context) => {
  const mesh = await fixture(context);
  await rm(mesh.file);
  for (const name of ['one', 'two']) await writeFile(join(mesh.folder, `${name}.yaml`), meshOf(name));
  await symlink('one.yaml', mesh.file);
  await mesh.watch();
  await symlink('two.yaml', join(mesh.folder, 'swap'));
  await rename(join(mesh.folder, 'swap'), mesh.file);
  assert.equal(await readlink(mesh.file), 'two.yaml');
  await mesh.untilSeen('two');
});

test('a bad edit keeps the configuration, and every mistake is told once', async (context) => {
  const mesh = await fixture(context);
  await mesh.watch();
  await writeFile(mesh.file, 'services: {two: {ports: [0], endpoints: [x]}}\n');
  await mesh.untilLogged(/the new mesh file is not used/);
  const places = mesh.logger.at('error').map(({ fields }) => fields['place']);
  assert.equal(places.length, 3);
  assert.match(String(places[0]), /mesh.yaml:1:26: services.two.ports\[0\] must be/);
  // The same bad text under another time stamp is not told again.
  await writeFile(mesh.file, 'services: {two: {ports: [0], endpoints: [x]}}\n');
  await writeFile(`${mesh.file}.new`, meshOf('three'));
  await rename(`${mesh.file}.new`, mesh.file);
  await mesh.untilSeen('three');
  assert.equal(mesh.logger.at('error').length, 3);
  assert.deepEqual(mesh.seen, ['one', 'three']);
});

test('a file that goes away keeps the configuration, said once, and may come back', async (context) => {
  const mesh = await fixture(context);
  await mesh.watch();
  await rm(mesh.file);
  await mesh.untilLogged(/cannot be read/);
  mesh.clock.advance(10_000);
  await writeFile(mesh.file, meshOf('two'));
  await mesh.untilSeen('two');
  assert.equal(mesh.logger.at('error').length, 1);
  assert.deepEqual(mesh.seen, ['one', 'two']);
});

test('an emptied file is a bad edit, not a mesh without services', async (context) => {
  const mesh = await fixture(context);
  await mesh.watch();
  await writeFile(mesh.file, '');
  await mesh.untilLogged(/the new mesh file is not used/);
  assert.deepEqual(mesh.seen, ['one']);
});

test('a change between loading and starting is not missed', async (context) => {
  const mesh = await fixture(context);
  const loaded = await loadMeshFile(mesh.file);
  assert.ok(loaded.ok);
  await writeFile(mesh.file, meshOf('two'));
  const { clock, logger } = mesh;
  mesh.watcher = new MeshFileWatcher({
    loaded: loaded.value,
    clock,
    logger,
    watchFolder: () => {
      throw new Error('no watches left');
    },
  });
  await mesh.watcher.start();
  await mesh.untilSeen('two');
});

test('the same contents written anew change nothing', async (context) => {
  const mesh = await fixture(context);
  await mesh.watch();
  await writeFile(mesh.file, meshOf('one'));
  await writeFile(`${mesh.file}.new`, meshOf('one'));
  await rename(`${mesh.file}.new`, mesh.file);
  mesh.touch();
  await writeFile(mesh.file, meshOf('two'));
  await mesh.untilSeen('two');
  assert.deepEqual(mesh.seen, ['one', 'two']);
});

test('nothing is told after stop', async (context) => {
  const mesh = await fixture(context);
  await mesh.watch();
  await mesh.watcher?.stop();
  await writeFile(mesh.file, meshOf('two'));
  mesh.touch();
  mesh.clock.advance(60_000);
  assert.equal(mesh.clock.waiting, 0);
  assert.deepEqual(mesh.seen, ['one']);
});

test(
  'with the real clock and the real folder watch an edit arrives',
  { timeout: 20_000 },
  async (context) => {
    const mesh = await fixture(context);
    const loaded = await loadMeshFile(mesh.file);
    assert.ok(loaded.ok);
    const watcher = new MeshFileWatcher({ loaded: loaded.value, clock: systemClock, logger: mesh.logger });
    mesh.watcher = watcher;
    await watcher.start();
    const arrived = new Promise<void>((resolve) => {
      watcher.config.subscribe((config) => {
        if (nameOf(config) === 'two') resolve();
      });
    });
    await writeFile(mesh.file, meshOf('two'));
    await arrived;
  },
);

test('a file that cannot be read is one mistake with the reason', async () => {
  const loaded = await loadMeshFile('/nonexistent/mesh.yaml');
  assert.ok(!loaded.ok);
  assert.equal(loaded.error.length, 1);
  assert.match(loaded.error[0]?.message ?? '', /^cannot be read: ENOENT/);
});
