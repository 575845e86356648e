// One mesh file, two vehicles: `sluice run` reads it itself; `sluice proxy` hears of it from `sluice
// controller`. Whoever sends the same requests through either gets the same answers.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { aSluice } from '../support/a-sluice.js';
import { anApplication } from '../support/an-application.js';
import { anEmbeddedMesh } from '../support/an-embedded-mesh.js';
import { freePort, until } from '../support/processes.js';

const TIMEOUT = { timeout: 60_000 };
const VIRTUAL = '10.77.0.10';

/** Sends HTTP requests to port 80 of the service web. */
interface Vehicle {
  readonly address: string;
  edit(services: string): Promise<void>;
}

const VEHICLES: Readonly<Record<string, (t: TestContext, services: string) => Promise<Vehicle>>> = {
  'sluice run': async (t, services) => {
    const forwards = "forwards: [{ listen: '127.0.0.1:0', to: 'web:80' }]\n";
    const mesh = await aSluice(t, { config: `${services}${forwards}`, options: ['--no-ebpf'] });
    const address = /forward (\S+) to/.exec(mesh.ready('listeners'))?.[1] ?? '';
    return {
      address,
      edit: (changed) => mesh.apply(`${changed}${forwards}`),
    };
  },
  'sluice proxy': async (t, services) => {
    const mesh = await anEmbeddedMesh(t, {
      config: services,
      proxy: {
        INBOUND_LISTEN_ADDR: '127.0.0.1:0',
        OUTBOUND_LISTEN_ADDR: '127.0.0.1:0',
        ADMIN_LISTEN_ADDR: '127.0.0.1:0',
      },
      own: { SLUICE_OUTBOUND_ORIGINAL_DST: `${VIRTUAL}:80`, SLUICE_ALLOW_LOOPBACK: 'true' },
    });
    return {
      address: await mesh.proxy.interface('Outbound'),
      edit: (changed) => mesh.edit(changed),
    };
  },
};

interface App {
  readonly name: string;
  readonly address: string;
  requests: number;
}

/** Says its name and the fields it got; /fail answers 503 until it was asked so often. */
async function anApp(t: TestContext, name: string, failures = 0): Promise<App> {
  let left = failures;
  const { port } = await anApplication(t, (request, response) => {
    app.requests += 1;
    if (request.url === '/slow') return;
    if (request.url === '/fail' && left > 0) {
      left -= 1;
      response.writeHead(503).end();
      return;
    }
    response.setHeader('x-app', name);
    response.end(`${name} ${request.url ?? ''} ${String(request.headers['x-added'] ?? '-')}`);
  });
  const app: App = { name, address: `127.0.0.1:${String(port)}`, requests: 0 };
  return app;
}

function services(endpoints: readonly App[], more = '', others: Readonly<Record<string, App>> = {}): string {
  const list = (apps: readonly App[]): string => `[${apps.map(({ address }) => `'${address}'`).join(', ')}]`;
  const rest = Object.entries(others).map(
    ([name, app]) => `  ${name}: { ports: [80], endpoints: ${list([app])} }\n`,
  );
  return `services:\n  web:\n    addresses: ['${VIRTUAL}']\n    ports: [80]\n    endpoints: ${list(endpoints)}\n${more}${rest.join('')}`;
}

interface Asked {
  readonly status: number;
  readonly text: string;
  readonly error: string | null;
  readonly location: string | null;
}

async function ask({ address }: Vehicle, path: string, headers: Record<string, string> = {}): Promise<Asked> {
  const response = await fetch(`http://${address}${path}`, { headers, redirect: 'manual' });
  return {
    status: response.status,
    text: await response.text(),
    error: response.headers.get('l5d-proxy-error'),
    location: response.headers.get('location'),
  };
}

function routes(...lines: readonly string[]): string {
  return `    routes:\n${lines.map((line) => `      - ${line}\n`).join('')}`;
}

for (const [name, start] of Object.entries(VEHICLES)) {
  test(`${name}: requests go by path and header, with the changes of their route`, TIMEOUT, async (t) => {
    const [web, beta] = [await anApp(t, 'web'), await anApp(t, 'beta')];
    const rules = routes(
      '{ matches: [{ path: /beta }], backends: [beta] }',
      "{ matches: [{ headers: { x-user: tester } }], backends: [beta], filters: [{ requestHeaders: { set: { x-added: 'yes' } } }] }",
      '{ matches: [{ path: /old }], filters: [{ redirect: { path: /new, status: 302 } }] }',
      '{ matches: [{ path: /broken }], filters: [{ fail: { percent: 100, status: 418, message: teapot } }] }',
      '{}',
    );
    const mesh = await start(t, services([web], rules, { beta }));
    assert.equal((await ask(mesh, '/')).text, 'web / -');
    assert.equal((await ask(mesh, '/beta/x')).text, 'beta /beta/x -');
    assert.equal((await ask(mesh, '/', { 'x-user': 'tester' })).text, 'beta / yes');
    const moved = await ask(mesh, '/old');
    assert.deepEqual([moved.status, new URL(moved.location ?? '').pathname], [302, '/new']);
    const broken = await ask(mesh, '/broken');
    assert.equal(broken.status, 418);
    assert.match(broken.error ?? '', /teapot/);
  });

  test(`${name}: a canary gets its share`, TIMEOUT, async (t) => {
    const [web, canary] = [await anApp(t, 'web'), await anApp(t, 'canary')];
    const rules = routes('{ backends: [{ service: web, weight: 3 }, { service: canary, weight: 1 }] }');
    const mesh = await start(t, services([web], rules, { canary }));
    for (let i = 0; i < 200; i += 1) assert.equal((await ask(mesh, '/')).status, 200);
    assert.ok(canary.requests > 15 && canary.requests < 100, String(canary.requests));
    assert.equal(web.requests + canary.requests, 200);
  });

  test(
    `${name}: what fails is tried again within its limit, and what is slow is given up`,
    TIMEOUT,
    async (t) => {
      const web = await anApp(t, 'web', 2);
      const rules = routes(
        '{ matches: [{ path: /slow }], timeouts: { request: 200ms } }',
        '{ retry: { limit: 2, on: [5xx] } }',
      );
      const mesh = await start(t, services([web], rules));
      const retried = await ask(mesh, '/fail');
      assert.deepEqual([retried.status, web.requests], [200, 3]);
      assert.equal((await ask(mesh, '/slow')).status, 504);
    },
  );

  test(
    `${name}: endpoints come and go with the file, and without one there is no service`,
    TIMEOUT,
    async (t) => {
      const [one, other] = [await anApp(t, 'one'), await anApp(t, 'other')];
      const mesh = await start(t, services([one]));
      assert.equal((await ask(mesh, '/')).text, 'one / -');
      await mesh.edit(services([other]));
      await until('the other serves', async () => (await ask(mesh, '/')).text === 'other / -');
      const before = one.requests;
      for (let i = 0; i < 20; i += 1) assert.equal((await ask(mesh, '/')).text, 'other / -');
      assert.equal(one.requests, before);
      await mesh.edit(services([]));
      await until('nobody serves', async () => (await ask(mesh, '/')).status === 503);
    },
  );

  test(`${name}: an endpoint that refuses costs no request while another is there`, TIMEOUT, async (t) => {
    const web = await anApp(t, 'web');
    const dead: App = { name: 'dead', address: `127.0.0.1:${String(await freePort())}`, requests: 0 };
    const mesh = await start(t, services([web, dead]));
    for (let i = 0; i < 50; i += 1) assert.equal((await ask(mesh, '/')).status, 200);
    const alone = await start(t, services([dead]));
    const refused = await ask(alone, '/');
    assert.equal(refused.status, 504);
    assert.match(refused.error ?? '', /fail-fast/);
  });
}
