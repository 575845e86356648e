// `sluice run` between hosts: two network namespaces with a cable, real addresses, connections from
// outside, and redirects that somebody else made. Needs root; says so and skips otherwise.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { aReplica } from '../support/a-replica.js';
import { aSluice } from '../support/a-sluice.js';
import { meshFile } from '../support/mesh-file-text.js';
import { aPairOfNamespaces, canCapture, canMakeNamespaces, type Namespace } from '../support/privileges.js';
import { aFolder, output, run, type Running, type Scope, start } from '../support/processes.js';

const FAMILIES = ['ipv4', 'ipv6'] as const;

function hostOf(namespace: Namespace, family: (typeof FAMILIES)[number]): string {
  return family === 'ipv4' ? namespace.ipv4 : `[${namespace.ipv6}]`;
}

interface RecordingServer {
  readonly port: number;
  readonly process: Running;
}

/** Answers each HTTP request with the address of the client as it sees it. */
async function aRecordingServer(t: Scope, namespace: Namespace, ip: string): Promise<RecordingServer> {
  const file = join(await aFolder(t), 'server.cjs');
  await writeFile(
    file,
    `const server = require('node:http').createServer((q, a) => a.end(q.socket.remoteAddress));
server.listen(0, '${ip}', () => console.log('port ' + server.address().port));`,
  );
  const server = start(t, [...namespace.wrap, process.execPath, file]);
  const port = await server.sees('its port', ({ stdout }) => /^port (\d+)$/m.exec(stdout)?.[1]);
  return { port: Number(port), process: server };
}

for (const family of FAMILIES) {
  test(`a server of another host is reached at the address that was dialled: ${family}`, async (t) => {
    if (!(await canCapture(t)) || !(await canMakeNamespaces(t))) return;
    const [here, there] = await aPairOfNamespaces(t);
    const { port } = await aRecordingServer(t, there, there[family]);
    const mesh = await aSluice(t, { wrap: here.wrap });
    const url = `http://${hostOf(there, family)}:${String(port)}/`;
    assert.equal(
      await mesh.say(`curl -sS --fail -m 10 -w " %{remote_ip}" ${url}`),
      `${here[family]} ${there[family]}`,
    );
    const labels = { direction: 'outbound', target_ip: there[family], target_port: String(port) };
    assert.equal(await mesh.counted('request_total', labels), 1);
  });

  test(`connections from outside to an inbound port go through the proxy: ${family}`, async (t) => {
    if (!(await canCapture(t)) || !(await canMakeNamespaces(t))) return;
    const [here, outside] = await aPairOfNamespaces(t);
    const { port } = await aRecordingServer(t, here, family === 'ipv4' ? '0.0.0.0' : '::');
    const mesh = await aSluice(t, { wrap: here.wrap, options: ['--inbound', String(port)] });
    const url = `http://${hostOf(here, family)}:${String(port)}/`;
    const seen = await output([...outside.wrap, 'curl', '-sS', '--fail', '-m', '10', url]);
    assert.notEqual(seen, outside[family], 'the server was reached without the proxy');
    assert.equal(await mesh.counted('request_total', { direction: 'inbound', target_ip: here[family] }), 1);
    await mesh.finish();
    // Afterwards the way is direct again.
    assert.equal(await output([...outside.wrap, 'curl', '-sS', '--fail', '-m', '10', url]), outside[family]);
  });

  test(`connections that nftables redirects go where they were going: ${family}`, async (t) => {
    if (!(await canMakeNamespaces(t))) return;
    const [here, there] = await aPairOfNamespaces(t);
    const { port } = await aRecordingServer(t, there, there[family]);
    const mesh = await aSluice(t, { wrap: here.wrap, options: ['--redirected-port', '4140'] });
    assert.equal(mesh.ready('rung'), '2');
    // Only a client of another user is redirected: the proxy's own connections must not be.
    const rules = `table inet mesh { chain out {
  type nat hook output priority -100;
  meta skuid 65534 tcp dport ${String(port)} redirect to :4140
}
}`;
    await output([...here.wrap, 'nft', rules]);
    const url = `http://${hostOf(there, family)}:${String(port)}/`;
    const client = `setpriv --reuid 65534 --clear-groups curl -sS --fail -m 10 ${url}`;
    assert.equal(await mesh.say(client), here[family]);
    assert.equal(await mesh.counted('request_total', { direction: 'outbound', target_ip: there[family] }), 1);
    await mesh.say(`curl -sS --fail -m 10 ${url}`);
    assert.equal(await mesh.counted('request_total'), 1, 'a connection that is not redirected is not meshed');
  });
}

test('a connection to the redirected port that nobody redirected is refused with its reason', async (t) => {
  if (!(await canMakeNamespaces(t))) return;
  const [here] = await aPairOfNamespaces(t);
  const mesh = await aSluice(t, { wrap: here.wrap, options: ['--redirected-port', '4140'] });
  const { code } = await mesh.sh('curl -sS -m 10 http://127.0.0.1:4140/');
  assert.notEqual(code, 0);
  const { fields } = await mesh.untilLogged(({ message }) => message === 'connection failed');
  assert.equal(fields?.['reason'], 'no_original_destination');
});

test('virtual addresses are captured where there is no route to them', async (t) => {
  if (!(await canCapture(t)) || !(await canMakeNamespaces(t))) return;
  const [here, there] = await aPairOfNamespaces(t);
  const replica = await aReplica(t, 'far', { ip: there.ipv4, port: 8080, wrap: there.wrap });
  const config = meshFile({
    web: { addresses: ['198.51.100.7', '2001:db8::7'], endpoints: [replica.address] },
  });
  const mesh = await aSluice(t, { wrap: here.wrap, config });
  for (const host of ['web', '198.51.100.7', '[2001:db8::7]']) {
    assert.match(await mesh.say(`curl -sS --fail -m 10 http://${host}/`), /replica far/);
  }
});

test('from another host the admin server shows, but changes and ends nothing', async (t) => {
  if (!(await canMakeNamespaces(t))) return;
  const [here, there] = await aPairOfNamespaces(t);
  const config = 'admin: { shutdown: true }\n';
  const mesh = await aSluice(t, { wrap: here.wrap, config, admin: '0.0.0.0:0', options: ['--no-ebpf'] });
  const [, port = ''] = mesh.ready('admin').split(':');
  const status = async (from: Namespace, ip: string, path: string, ...options: string[]): Promise<string> => {
    const url = `http://${ip}:${port}${path}`;
    const ended = await run([
      ...from.wrap,
      'curl',
      '-sS',
      '-m',
      '10',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      ...options,
      url,
    ]);
    return ended.stdout.toString();
  };
  assert.equal(await status(there, here.ipv4, '/metrics'), '200');
  assert.equal(await status(there, here.ipv4, '/proxy-log-level', '-X', 'PUT', '-d', 'trace'), '403');
  assert.equal(await status(there, here.ipv4, '/proxy-log-level'), '403');
  assert.equal(
    await status(there, here.ipv4, '/shutdown', '-X', 'POST', '-H', 'X-Forwarded-For: 127.0.0.1'),
    '403',
  );
  // An own address, but not loopback.
  assert.equal(await status(here, here.ipv4, '/shutdown', '-X', 'POST'), '403');
  assert.equal(await status(here, '127.0.0.1', '/shutdown', '-X', 'POST'), '200');
  assert.equal((await mesh.ended()).code, 143);
});
