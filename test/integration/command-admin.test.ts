// The admin server of a run and the commands that ask it: health, metrics that equal what was really
// sent, levels, environment, routes; and the log that goes with it.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';

import { type RoutesView } from '../../src/admin/routes-endpoint.js';
import { readEnvironment } from '../../src/config/environment.js';
import { aReplica, type Replica } from '../support/a-replica.js';
import { aSluice, type LogRecord, sluice, type Sluice } from '../support/a-sluice.js';
import { meshFile } from '../support/mesh-file-text.js';
import { freePort, run, until } from '../support/processes.js';
import { parsePrometheusText } from '../support/prometheus-text.js';

const OPTIONS = ['--no-ebpf'] as const;

interface Mesh {
  readonly mesh: Sluice;
  readonly replica: Replica;
}

async function aMesh(t: TestContext, more = ''): Promise<Mesh> {
  const replica = await aReplica(t, 'a');
  const config = meshFile({ web: { endpoints: [replica.address] } }, more);
  return { mesh: await aSluice(t, { config, options: OPTIONS }), replica };
}

test('live and ready are answered, other paths are not', async (t) => {
  const { mesh } = await aMesh(t);
  assert.equal(await mesh.asks('/live'), 'live\n');
  assert.equal(await mesh.asks('/ready'), 'ready\n');
  assert.match(await mesh.asks('/elsewhere', '-i'), /^HTTP\/1\.1 404 /);
});

test('it runs with the poller that the environment asks for', async (t) => {
  const environment = readEnvironment();
  const mesh = await aSluice(t, { options: OPTIONS });
  assert.equal(mesh.ready('poller'), environment.ok ? environment.value.poller : '');
});

test('the metrics equal what was sent', async (t) => {
  const { mesh, replica } = await aMesh(t);
  const urls = Array<string>(7).fill('http://web/10k').join(' ');
  await mesh.say(`curl -sS --fail ${urls}`);
  await mesh.say('curl -sS -o /dev/null http://web/missing http://web/missing; curl -sS -I http://web/');
  const web = { direction: 'outbound', authority: 'web:80' };
  await until('all are counted', async () => (await mesh.counted('response_total', web)) === 10);
  assert.equal(await mesh.counted('request_total', { ...web, target_addr: replica.address }), 10);
  assert.equal(
    await mesh.counted('response_total', { ...web, status_code: '200', classification: 'success' }),
    10,
  );
  assert.equal(await mesh.counted('response_latency_ms_count', web), 10);
  assert.equal(await replica.requests(), 10);
});

test('the bytes counted are those on the wire', async (t) => {
  const { mesh } = await aMesh(t);
  const [first] = (
    await mesh.say(
      'curl -sS -o /dev/null -w "%{size_request} %{size_header} %{size_download}" http://web/10k',
    )
  ).split('\n');
  const [request = 0, header = 0, body = 0] = (first ?? '').split(' ').map(Number);
  const client = { direction: 'outbound', peer: 'src' };
  await until('the connection is over', async () => (await mesh.counted('tcp_close_total', client)) === 1);
  assert.equal(await mesh.counted('tcp_read_bytes_total', client), request);
  assert.equal(await mesh.counted('tcp_write_bytes_total', client), header + body);
  assert.equal(body, 10_240);
});

test('the page is valid, and the same when compressed', async (t) => {
  const { mesh } = await aMesh(t);
  await mesh.say('curl -sS --fail http://web/');
  const families = parsePrometheusText(await mesh.asks('/metrics'));
  for (const name of [
    'request_total',
    'process_cpu_seconds_total',
    'tcp_open_connections',
    'response_latency_ms',
  ]) {
    assert.ok((families.get(name)?.samples.length ?? 0) > 0, name);
  }
  const url = `http://${mesh.ready('admin')}/metrics`;
  const { stdout } = await run(['curl', '-sS', '-H', 'accept-encoding: gzip', url]);
  const unzipped = parsePrometheusText(gunzipSync(stdout).toString('utf8'));
  assert.deepEqual([...unzipped.keys()], [...families.keys()]);
});

test('metrics never go back when services and endpoints go', async (t) => {
  const { mesh } = await aMesh(t);
  await mesh.say('curl -sS --fail http://web/ http://web/');
  const before = await mesh.counted('request_total');
  await mesh.apply('services: {}\n');
  assert.equal(await mesh.counted('request_total'), before);
  assert.equal(before, 2);
});

test('the environment is shown without its secrets', async (t) => {
  const env = { MY_TOKEN: 'hidden', MY_COLOUR: 'red', MY_URL: 'http://me:hidden@host/' };
  const mesh = await aSluice(t, { options: OPTIONS, env });
  const shown = JSON.parse(await mesh.asks('/env.json?MY_TOKEN&MY_COLOUR&MY_URL&NOT_SET')) as unknown;
  assert.deepEqual(shown, {
    MY_TOKEN: '[redacted]',
    MY_COLOUR: 'red',
    MY_URL: 'http://[redacted]@host/',
    NOT_SET: null,
  });
  assert.ok(!(await mesh.asks('/env.json')).includes('hidden'));
});

test('the level of the log is read and changed, and the data plane obeys', async (t) => {
  const { mesh } = await aMesh(t);
  assert.equal(await mesh.asks('/proxy-log-level'), 'debug');
  const put = ['-X', 'PUT', '-o', '/dev/null', '-w', '%{http_code}', '-d'] as const;
  assert.equal(await mesh.asks('/proxy-log-level', ...put, 'nonsense'), '400');
  assert.equal(await mesh.asks('/proxy-log-level', ...put, 'error'), '204');
  assert.equal(await mesh.asks('/proxy-log-level'), 'error');
  // A failure that is worth a warning, hence not said now.
  const refused = `http://127.0.0.1:${String(await freePort())}/`;
  await mesh.say(`curl -sS -o /dev/null ${refused}`);
  assert.equal(await mesh.asks('/proxy-log-level', ...put, 'warn'), '204');
  await mesh.say(`curl -sS -o /dev/null ${refused}second`);
  await mesh.untilLogged(({ fields }) => fields?.['path'] === '/second');
  const failures = mesh.log.filter(({ message }) => message === 'request failed');
  assert.deepEqual(
    failures.map(({ fields }) => fields?.['path']),
    ['/second'],
  );
});

test('sluice metrics and sluice routes print what the admin server has', async (t) => {
  const { mesh, replica } = await aMesh(t);
  await mesh.say('curl -sS --fail http://web/');
  const admin = ['--admin', mesh.ready('admin')] as const;
  const metrics = await sluice(['metrics', ...admin]);
  assert.equal(metrics.code, 0, metrics.stderr);
  assert.ok(parsePrometheusText(metrics.stdout.toString()).has('request_total'));
  const text = (await sluice(['routes', ...admin])).stdout.toString();
  assert.match(text, /^capture +rung 3; hooks: none$/m);
  assert.match(text, /^service web {2}\(web\)/m);
  assert.match(text, new RegExp(`^ +${replica.address} +weight 1 +ready`, 'm'));
  const json = JSON.parse((await sluice(['routes', ...admin, '--json'])).stdout.toString()) as RoutesView;
  assert.deepEqual(json.services, (await mesh.routes()).services);
  assert.equal(json.targets[0]?.endpoints[0]?.live?.state, 'ready');
});

test('where nobody listens they end with 69 and say so', async () => {
  const place = `127.0.0.1:${String(await freePort())}`;
  for (const command of ['metrics', 'routes']) {
    const ended = await sluice([command, '--admin', place]);
    assert.equal(ended.code, 69);
    assert.match(
      ended.stderr,
      new RegExp(`no answer from the admin server at ${place}: nobody listens there`),
    );
    assert.equal(ended.stdout.length, 0);
  }
});

test('the routes show endpoints that cannot be reached, and why', async (t) => {
  const dead = `127.0.0.1:${String(await freePort())}`;
  const replica = await aReplica(t, 'a');
  const config = meshFile({ web: { endpoints: [replica.address, dead] } });
  const mesh = await aSluice(t, { config, options: OPTIONS });
  let states: readonly string[] = [];
  await until('the dead one was tried', async () => {
    await mesh.say('curl -sS --fail http://web/');
    const endpoints = (await mesh.routes()).targets[0]?.endpoints ?? [];
    states = endpoints.map(({ live }) => `${live?.state ?? 'unused'} ${live?.lastError ?? ''}`);
    return states[1]?.startsWith('backoff') === true;
  });
  assert.deepEqual(states, ['ready ', 'backoff ECONNREFUSED']);
});

async function logOf(format: 'json' | 'plain'): Promise<readonly string[]> {
  const refused = `http://127.0.0.1:${String(await freePort())}/a%20b?"c"`;
  const script = `curl -s -o /dev/null -x "$http_proxy" '${refused}'`;
  const ended = await sluice([
    'run',
    '--no-ebpf',
    '--admin',
    'off',
    '--log-format',
    format,
    '--',
    'sh',
    '-c',
    script,
  ]);
  assert.equal(ended.code, 0, ended.stderr);
  return ended.stderr.trimEnd().split('\n');
}

test('each line of the JSON log parses, failures of the data plane with their reason among them', async () => {
  const records = (await logOf('json')).map((line) => JSON.parse(line) as LogRecord);
  for (const { level, time, message } of records) {
    assert.match(level, /^(?:debug|info|warn|error)$/);
    assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000, time);
    assert.notEqual(message, '');
  }
  const failed = records.find(({ message }) => message === 'request failed');
  assert.deepEqual([failed?.fields?.['reason'], failed?.fields?.['status']], ['connect_refused', 502]);
});

test('each line of the plain log has time, level and message, failures of the data plane among them', async () => {
  const lines = await logOf('plain');
  for (const line of lines) assert.match(line, /^\[ *\d+\.\d{3}s\] (?:DEBUG|INFO|WARN|ERROR) \S/);
  assert.ok(
    lines.some((line) => / WARN request failed reason=connect_refused .*status=502/.test(line)),
    lines.join('\n'),
  );
});

test('what the command says stands between the lines of the log, not in them', async () => {
  const script = 'for n in $(seq 200); do echo "from the command $n" >&2; done';
  const ended = await sluice([
    'run',
    '--no-ebpf',
    '--admin',
    'off',
    '--log-format',
    'json',
    '--',
    'sh',
    '-c',
    script,
  ]);
  const lines = ended.stderr.trimEnd().split('\n');
  assert.equal(lines.filter((line) => /^from the command \d+$/.test(line)).length, 200);
  for (const line of lines) if (!line.startsWith('from')) JSON.parse(line);
});
