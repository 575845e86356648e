// Endpoints of the name system in the view of the mesh.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import type { MeshConfig } from '../../../src/config/mesh-config.js';
import { MeshViews } from '../../../src/controller/mesh-views.js';
import { Watch } from '../../../src/core/watch.js';
import { FakeDnsResolver, settle } from '../../support/fake-dns-resolver.js';
import { ManualClock } from '../../support/manual-clock.js';
import { parsedMesh } from '../../support/mesh-questions.js';
import { RecordingLogger } from '../../support/recording-logger.js';

function named(name: string): MeshConfig {
  return parsedMesh(`services: { web: { ports: [80], dns: { name: ${name}, port: 8080, maxTtl: 10s } } }`);
}

class Fixture {
  readonly resolver = new FakeDnsResolver();
  readonly clock = new ManualClock();
  readonly logger = new RecordingLogger();
  readonly config: Watch<MeshConfig>;
  readonly views: MeshViews;
  told = 0;

  constructor(t: TestContext, config: MeshConfig) {
    this.config = new Watch(config);
    const { resolver, clock, logger } = this;
    this.views = new MeshViews({ config: this.config, resolver, clock, logger });
    this.views.views.subscribe(() => this.told++);
    t.after(() => this.views.stop());
  }

  async start(): Promise<void> {
    await this.views.start();
    await settle();
  }

  /** Undefined: not known yet. */
  get endpoints(): readonly string[] | undefined {
    const view = this.views.views.value;
    const service = view.serviceNamed('web');
    const found = service === undefined ? undefined : view.endpointsOf(service);
    return found?.map(({ address }) => `${address.ip}:${String(address.port)}`);
  }
}

test('endpoints are unknown until the name is answered, and followed from then on', async (t) => {
  const mesh = new Fixture(t, named('web.example'));
  mesh.resolver.addresses('web.example', ['10.0.0.1'], 1000);
  assert.equal(mesh.endpoints, undefined);
  await mesh.start();
  assert.deepEqual(mesh.endpoints, ['10.0.0.1:8080']);
  mesh.resolver.addresses('web.example', ['10.0.0.2', 'fd00::2']);
  mesh.clock.advance(10_000);
  await settle();
  assert.deepEqual(new Set(mesh.endpoints), new Set(['10.0.0.2:8080', 'fd00::2:8080']));
});

test('a name that cannot be looked up means no endpoints, and says why', async (t) => {
  const mesh = new Fixture(t, named('web.example'));
  mesh.resolver.fail('web.example', 'nobody answers');
  await mesh.start();
  assert.deepEqual(mesh.endpoints, []);
  assert.equal(mesh.logger.at('warn')[0]?.fields['error'], 'nobody answers');
});

test('endpoints stay while an edited name is being looked up', async (t) => {
  const mesh = new Fixture(t, named('web.example'));
  mesh.resolver.addresses('web.example', ['10.0.0.1']);
  mesh.resolver.addresses('new.example', ['10.0.0.2']);
  await mesh.start();
  mesh.resolver.hold();
  mesh.config.set(named('new.example'));
  await settle();
  assert.deepEqual(mesh.endpoints, ['10.0.0.1:8080']);
  mesh.resolver.release();
  await settle();
  assert.deepEqual(mesh.endpoints, ['10.0.0.2:8080']);
});

test('an edit that leaves the name asks nobody', async (t) => {
  const mesh = new Fixture(t, named('web.example'));
  mesh.resolver.addresses('web.example', ['10.0.0.1']);
  await mesh.start();
  const asked = mesh.resolver.questions.length;
  mesh.config.set({ ...named('web.example'), opaquePorts: [] });
  await settle();
  assert.equal(mesh.resolver.questions.length, asked);
  assert.deepEqual(mesh.endpoints, ['10.0.0.1:8080']);
});

test('nobody is asked for a service that is gone, nor after the end', async (t) => {
  const mesh = new Fixture(t, named('web.example'));
  await mesh.start();
  mesh.config.set(parsedMesh('{}'));
  assert.equal(mesh.clock.waiting, 0);
  mesh.config.set(named('web.example'));
  await settle();
  await mesh.views.stop();
  const { told } = mesh;
  assert.equal(mesh.clock.waiting, 0);
  mesh.config.set(parsedMesh('{}'));
  assert.equal(mesh.told, told);
});
