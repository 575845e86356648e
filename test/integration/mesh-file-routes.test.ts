// Routes of a mesh file in force, with the real command: a canary whose share is edited under load, and
// edits that are wrong, which change nothing and are told with their place.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { aReplica, type Replica } from '../support/a-replica.js';
import { aSluice, type Sluice } from '../support/a-sluice.js';
import { output, type Running, start, until } from '../support/processes.js';

const OPTIONS = ['--no-ebpf'] as const;

/** A service whose `routes` are in YAML's block style, indented by six; and its new version. */
function web(stable: Replica, canary: Replica, routes: string): string {
  return `services:
  web:
    ports: [{ port: 80, protocol: http1 }]
    endpoints: ['${stable.address}']
    routes:
${routes}
  web-v2:
    ports: [80]
    endpoints: ['${canary.address}']
forwards: [{ listen: '127.0.0.1:0', to: 'web:80' }]
`;
}

function canaryRoute(weight: number): string {
  return `      - name: canary
        backends:
          - { service: web, weight: ${String(100 - weight)} }
          - { service: web-v2, weight: ${String(weight)} }`;
}

function urlOf(mesh: Sluice, path = '/'): string {
  const address = /forward (\S+) to/.exec(mesh.ready('listeners'))?.[1];
  assert.ok(address !== undefined);
  return `http://${address}${path}`;
}

async function curl(mesh: Sluice, path: string, ...options: readonly string[]): Promise<string> {
  return output(['curl', '-sS', '--fail', '-m', '10', ...options, urlOf(mesh, path)]);
}

function load(t: TestContext, mesh: Sluice): Running {
  return start(t, ['wrk', '-t1', '-c8', '-d120s', '--timeout', '10s', urlOf(mesh)]);
}

/** The share of the canary in the requests of from now on. */
async function shareOf(canary: Replica, stable: Replica): Promise<number> {
  const before = [await canary.requests(), await stable.requests()] as const;
  let share = 0;
  await until('2,000 requests more', async () => {
    const [news, olds] = [
      (await canary.requests()) - before[0],
      (await stable.requests()) - before[1],
    ] as const;
    share = news / (news + olds);
    return news + olds >= 2000;
  });
  return share;
}

test('a canary has its share of the requests, and an edit moves it without a lost request', async (t) => {
  const [stable, canary] = [await aReplica(t, 'stable'), await aReplica(t, 'canary')];
  const mesh = await aSluice(t, { config: web(stable, canary, canaryRoute(10)), options: OPTIONS });
  const running = load(t, mesh);

  const small = await shareOf(canary, stable);
  assert.ok(small > 0.06 && small < 0.14, `${String(small)} instead of 0.1`);
  await mesh.apply(web(stable, canary, canaryRoute(90)));
  const large = await shareOf(canary, stable);
  assert.ok(large > 0.86 && large < 0.94, `${String(large)} instead of 0.9`);
  await mesh.apply(web(stable, canary, canaryRoute(100)));
  await shareOf(canary, stable);
  const last = await stable.requests();
  assert.equal(await shareOf(canary, stable), 1);
  assert.equal(await stable.requests(), last);

  running.kill('SIGINT');
  const printed = (await running.ended()).stdout.toString();
  assert.doesNotMatch(printed, /Non-2xx|Socket errors/, printed);
  // What replicas have counted is in the metrics, under the names of the file.
  for (const [name, replica] of [
    ['web', stable],
    ['web-v2', canary],
  ] as const) {
    const labels = { parent_name: 'web', route_name: 'canary', backend_name: name };
    await until(
      `as many requests are counted for ${name} as came`,
      async () =>
        (await mesh.counted('outbound_http_route_backend_requests_total', labels)) ===
        (await replica.requests()),
    );
  }
});

test('a bad regular expression in an edit is told with its place, and the routes stay', async (t) => {
  const [stable, canary] = [await aReplica(t, 'stable'), await aReplica(t, 'canary')];
  const testers = (match: string): string => `      - name: testers
        matches:
          - ${match}
        backends: [web-v2]
      - name: others`;
  const good = testers("{ path: { regex: '/items/[0-9]+' } }");
  const mesh = await aSluice(t, { config: web(stable, canary, good), options: OPTIONS });
  const assertInForce = async (): Promise<void> => {
    assert.equal(await curl(mesh, '/items/1'), 'replica canary\n');
    assert.equal(await curl(mesh, '/items/x'), 'replica stable\n');
  };
  await assertInForce();

  await mesh.edit(web(stable, canary, testers("{ path: { regex: '/items/([0-9]+' } }")));
  await mesh.untilLogged(({ message }) => message.startsWith('the new mesh file is not used'));
  const places = mesh.log
    .filter(({ message }) => message === 'mistake in the mesh file')
    .map(({ fields }) => String(fields?.['place']));
  assert.equal(places.length, 1, places.join('\n'));
  assert.match(places[0] ?? '', /mesh\.yaml:8:\d+: .*regex.* is no regular expression of RE2: .*/);
  await assertInForce();

  // And the next good one is taken.
  await mesh.apply(web(stable, canary, testers("{ headers: { x-tester: 'yes' } }")));
  assert.equal(await curl(mesh, '/items/1'), 'replica stable\n');
  assert.equal(await curl(mesh, '/', '-H', 'X-Tester: yes'), 'replica canary\n');
});
