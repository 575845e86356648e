// `sluice proxy` as a whole: its environment, its start, traffic under the policies of a controller, and
// its end. The controller is scripted; servers and clients are real.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import * as grpc from '@grpc/grpc-js';

import { type WhyView } from '../../src/admin/why-endpoint.js';
import { fromHostPort } from '../../src/api/net-values.js';
import { LinkerdProxy, PROXY_IDENTITY, sidecarEnvironment } from '../support/a-linkerd-proxy.js';
import { sluice } from '../support/a-sluice.js';
import { type Application, anApplication } from '../support/an-application.js';
import { until } from '../support/processes.js';
import { aPolicy, pathOf } from '../support/proxy-messages.js';

const TIMEOUT = { timeout: 60_000 };
const SERVICE = '10.96.7.7:80';

interface App extends Application {
  requests: number;
}

/** Answers its name, and counts. */
async function anApp(t: TestContext, name: string): Promise<App> {
  const application = await anApplication(t, (_request, response) => {
    app.requests += 1;
    response.end(name);
  });
  const app: App = { ...application, requests: 0 };
  return app;
}

function endpoints(...apps: readonly App[]): object {
  return {
    addrs: apps.map(({ port }) => ({ addr: fromHostPort({ ip: '127.0.0.1', port }), weight: 10_000 })),
  };
}

/** A proxy whose outgoing connections were all going to the service, over the apps. */
async function aProxyOf(t: TestContext, ...apps: readonly App[]): Promise<LinkerdProxy> {
  const proxy = await LinkerdProxy.start(t, {
    env: { SLUICE_OUTBOUND_ORIGINAL_DST: SERVICE, SLUICE_ALLOW_LOOPBACK: 'true' },
  });
  const { controller } = proxy;
  controller.on('GetProfile', (call) => {
    call.send({ fullyQualifiedName: 'web.test.svc.cluster.local' });
  });
  controller.on('Watch', (call) => {
    call.send(aPolicy());
  });
  controller.on('Get', (call) => {
    call.send({ update: { case: 'add', value: endpoints(...apps) } } as never);
  });
  return proxy;
}

const get = async (address: string): Promise<string> => {
  const response = await fetch(`http://${address}/`);
  return `${String(response.status)} ${await response.text()}`;
};

test('a proxy tells its ports before it is certified, and serves after it', TIMEOUT, async (t) => {
  const app = await anApp(t, 'a');
  const proxy = await LinkerdProxy.start(t, {
    certify: false,
    env: {
      SLUICE_INBOUND_ORIGINAL_DST: `127.0.0.1:${String(app.port)}`,
      LINKERD2_PROXY_IDENTITY_MIN_REFRESH: '100ms',
    },
  });
  const interfaces = proxy.stdout
    .split('\n')
    .flatMap(
      (line) =>
        /((?:Admin|Inbound|Outbound) interface on|Tap DISABLED|SNI is|Local identity is)/.exec(line)?.[1] ??
        [],
    );
  assert.deepEqual(interfaces.slice(0, 3), [
    'Admin interface on',
    'Inbound interface on',
    'Outbound interface on',
  ]);
  assert.equal((await proxy.admin('/ready')).status, 503);
  assert.equal((await proxy.admin('/live')).status, 200);
  const early = get(await proxy.interface('Inbound'));
  (await proxy.controller.next('Certify')).fail(grpc.status.UNAVAILABLE, 'the issuer is not there');
  await proxy.logged(/ERROR.*Failed to obtain identity/);
  assert.equal(app.requests, 0);
  const call = await proxy.controller.next('Certify');
  assert.equal(call.request.identity, PROXY_IDENTITY);
  await proxy.answerCertify(call);
  assert.equal(await early, '200 a');
  await until('it is ready', async () => (await proxy.admin('/ready')).status === 200);
  assert.doesNotMatch(proxy.stdout + proxy.stderr, /the secret token/);
});

test('requests are balanced over the endpoints of a service, as they come and go', TIMEOUT, async (t) => {
  const [a, b] = [await anApp(t, 'a'), await anApp(t, 'b')];
  const proxy = await aProxyOf(t, a);
  const outbound = await proxy.interface('Outbound');
  assert.equal(await get(outbound), '200 a');
  const [watch] = proxy.controller.calls('Watch');
  assert.equal(watch?.request.sourceWorkload, '{"ns":"test", "pod":"web"}\n');
  assert.equal(watch.request.target.case, 'addr');
  const [profile] = proxy.controller.calls('GetProfile');
  assert.equal(profile?.request.path, SERVICE);
  const [stream] = proxy.controller.calls('Get');
  assert.equal(stream?.request.path, pathOf('web'));
  stream.send({ update: { case: 'add', value: endpoints(b) } } as never);
  await until('the other endpoint is used', async () => (await get(outbound)) === '200 b');
  stream.send({
    update: { case: 'remove', value: { addrs: [{ ...fromHostPort({ ip: '127.0.0.1', port: a.port }) }] } },
  } as never);
  await proxy.logged(/Removing endpoint/);
  const before = a.requests;
  for (let i = 0; i < 50; i += 1) assert.equal(await get(outbound), '200 b');
  assert.equal(a.requests, before);
  const metrics = await (await proxy.admin('/metrics')).text();
  assert.match(
    metrics,
    /outbound_http_route_request_statuses_total\{[^}]*parent_name="web"[^}]*http_status="200"/,
  );
  assert.match(metrics, /control_request_total\{/);
});

test('what was discovered serves on while the controllers are away', TIMEOUT, async (t) => {
  const a = await anApp(t, 'a');
  const proxy = await aProxyOf(t, a);
  const outbound = await proxy.interface('Outbound');
  assert.equal(await get(outbound), '200 a');
  await proxy.controller.stop();
  for (let i = 0; i < 20; i += 1) assert.equal(await get(outbound), '200 a');
  await until('why tells that the controller is away', async () => {
    const { streams } = (await (await proxy.admin('/why.json')).json()) as WhyView;
    const endpoints = streams?.find(({ kind }) => kind === 'endpoints');
    assert.equal(endpoints?.subject, pathOf('web'));
    return !endpoints.open && endpoints.state === 'known' && endpoints.lastFailure !== undefined;
  });
  await proxy.controller.restart();
  await until('it asks again', () => proxy.controller.calls('Watch').length >= 2);
  assert.equal(await get(outbound), '200 a');
});

test('an address the policy controller does not know is where connections go', TIMEOUT, async (t) => {
  const a = await anApp(t, 'a');
  const proxy = await LinkerdProxy.start(t, {
    env: {
      SLUICE_OUTBOUND_ORIGINAL_DST: `127.0.0.1:${String(a.port)}`,
      SLUICE_ALLOW_LOOPBACK: 'true',
    },
  });
  proxy.controller.on('Watch', (call) => {
    call.fail(grpc.status.NOT_FOUND, 'no such service');
  });
  assert.equal(await get(await proxy.interface('Outbound')), '200 a');
});

test('endpoints on loopback are not dialled unless that is allowed', TIMEOUT, async (t) => {
  const a = await anApp(t, 'a');
  const proxy = await LinkerdProxy.start(t, {
    env: { SLUICE_OUTBOUND_ORIGINAL_DST: `127.0.0.1:${String(a.port)}` },
  });
  proxy.controller.on('Watch', (call) => {
    call.fail(grpc.status.NOT_FOUND, 'no such service');
  });
  const response = await fetch(`http://${await proxy.interface('Outbound')}/`);
  assert.equal(response.status, 502);
  assert.match(response.headers.get('l5d-proxy-error') ?? '', /loopback interface/);
  assert.equal(a.requests, 0);
});

test('the policy of an inbound port decides who is served, and may change', TIMEOUT, async (t) => {
  const app = await anApp(t, 'a');
  const proxy = await LinkerdProxy.start(t, {
    env: {
      SLUICE_INBOUND_ORIGINAL_DST: `127.0.0.1:${String(app.port)}`,
      LINKERD2_PROXY_INBOUND_PORTS: String(app.port),
    },
  });
  const inbound = await proxy.interface('Inbound');
  assert.equal(await get(inbound), '200 a');
  const call = proxy.controller.calls('WatchPort').find(({ request }) => request.port === app.port);
  assert.equal(call?.request.workload, '{"ns":"test", "pod":"web"}\n');
  const only = (ip: string): object => ({
    labels: { group: 'policy.linkerd.io', kind: 'server', name: 'web-http' },
    protocol: { kind: { case: 'http1', value: {} } },
    authorizations: [
      {
        networks: [{ net: { ip: fromHostPort({ ip, port: 0 }).ip, prefixLen: 32 } }],
        authentication: { permit: { case: 'unauthenticated', value: {} } },
        metadata: { kind: { case: 'default', value: 'somebody' } },
      },
    ],
  });
  // Loopback is always allowed by a policy of the controller: this one has routes that allow nobody here.
  call.send({
    ...only('10.1.1.1'),
    protocol: {
      kind: {
        case: 'http1',
        value: {
          routes: [
            {
              metadata: { kind: { case: 'default', value: 'health' } },
              rules: [{ matches: [{ path: { kind: { case: 'exact', value: '/health' } } }] }],
            },
          ],
        },
      },
    },
  } as never);
  await until('no route matches', async () => (await get(inbound)).startsWith('404'));
  call.send(only('10.1.1.1'));
  await until('it is served again', async () => (await get(inbound)) === '200 a');
});

test('a bad environment is told whole, and ends with 64', TIMEOUT, async (t) => {
  const { env } = await sidecarEnvironment(t, 1);
  const { code, stdout, stderr } = await sluice(['proxy'], {
    env: {
      ...env,
      LINKERD2_PROXY_INBOUND_CONNECT_TIMEOUT: '5 seconds',
      LINKERD2_PROXY_OUTBOUND_LISTEN_ADDR: 'localhost:4140',
    },
  });
  assert.equal(code, 64);
  assert.match(stdout.toString(), /ERROR.*LINKERD2_PROXY_INBOUND_CONNECT_TIMEOUT="5 seconds" is not valid/);
  assert.match(stdout.toString(), /ERROR.*LINKERD2_PROXY_OUTBOUND_LISTEN_ADDR="localhost:4140" is not valid/);
  assert.equal(stderr, 'Invalid configuration: invalid environment variable\n');
  const silent = await sluice(['proxy'], { env: { ...env, LINKERD2_PROXY_LOG: 'linkerd=loud' } });
  assert.equal(silent.code, 64);
  assert.match(silent.stderr, /^Invalid logging configuration: /);
});

test('a port that is taken is named, and ends the start', TIMEOUT, async (t) => {
  const app = await anApp(t, 'a');
  const { env } = await sidecarEnvironment(t, 1);
  const ended = await sluice(['proxy'], {
    env: { ...env, LINKERD2_PROXY_INBOUND_LISTEN_ADDR: `127.0.0.1:${String(app.port)}` },
  });
  assert.notEqual(ended.code, 0);
  assert.match(
    ended.stderr,
    new RegExp(`Failed to bind inbound listener 127\\.0\\.0\\.1:${String(app.port)}`),
  );
});

test('SIGTERM lets requests finish, and then it ends with 0', TIMEOUT, async (t) => {
  let release: () => void = () => undefined;
  const { port, server } = await anApplication(t, (_request, response) => {
    release = () => response.end('late');
  });
  const proxy = await LinkerdProxy.start(t, {
    env: {
      SLUICE_INBOUND_ORIGINAL_DST: `127.0.0.1:${String(port)}`,
    },
  });
  const waiting = new Promise<void>((resolve) =>
    server.once('request', () => {
      resolve();
    }),
  );
  const request = get(await proxy.interface('Inbound'));
  await waiting;
  proxy.kill('SIGTERM');
  await proxy.logged(/received SIGTERM, starting shutdown/);
  release();
  assert.equal(await request, '200 late');
  assert.equal((await proxy.ended()).code, 0);
});

test('POST /shutdown ends it where that is enabled, and is not there otherwise', TIMEOUT, async (t) => {
  const closed = await LinkerdProxy.start(t);
  assert.equal((await closed.admin('/shutdown', { method: 'POST' })).status, 404);
  const open = await LinkerdProxy.start(t, { env: { LINKERD2_PROXY_SHUTDOWN_ENDPOINT_ENABLED: 'true' } });
  assert.equal((await open.admin('/shutdown', { method: 'POST' })).status, 200);
  await open.logged(/Received shutdown via admin interface/);
  assert.equal((await open.ended()).code, 0);
});

test('the log filter is read and changed while running', TIMEOUT, async (t) => {
  const proxy = await LinkerdProxy.start(t);
  const before = await (await proxy.admin('/proxy-log-level')).text();
  assert.equal(before, 'warn,linkerd=info,hickory=error');
  const change = await proxy.admin('/proxy-log-level', { method: 'PUT', body: 'warn,linkerd=debug' });
  assert.equal(change.status, 204);
  assert.equal(await (await proxy.admin('/proxy-log-level')).text(), 'warn,linkerd=debug');
});

test(
  'an identity controller elsewhere is refused, as the token would go there in clear',
  TIMEOUT,
  async (t) => {
    const { env } = await sidecarEnvironment(t, 1);
    const refused = await sluice(['proxy'], {
      env: {
        ...env,
        LINKERD2_PROXY_IDENTITY_SVC_ADDR: 'linkerd-identity-headless.linkerd.svc.cluster.local.:8080',
        LINKERD2_PROXY_IDENTITY_SVC_NAME:
          'linkerd-identity.linkerd.serviceaccount.identity.linkerd.cluster.local',
      },
    });
    assert.equal(refused.code, 64);
    assert.match(refused.stderr, /TLS to controllers is not supported/);
  },
);
