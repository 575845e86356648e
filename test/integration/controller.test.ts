// `sluice controller` over real sockets: answers, edits while streams are open, certificates that openssl
// verifies, what a restart keeps, slow and many readers, wrong command lines.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { connect, constants } from 'node:http2';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { create, toBinary } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';

import {
  Destination,
  GetDestinationSchema,
  NoEndpointsSchema,
  type Update,
} from '../../src/api/gen/destination_pb.js';
import { Identity } from '../../src/api/gen/identity_pb.js';
import { InboundServerPolicies } from '../../src/api/gen/inbound_pb.js';
import { OutboundPolicies } from '../../src/api/gen/outbound_pb.js';
import { fromHostPort } from '../../src/api/net-values.js';
import { aController, type Controller } from '../support/a-controller.js';
import { sluice } from '../support/a-sluice.js';
import { at } from '../support/mesh-configs.js';
import { aFolder, output, until } from '../support/processes.js';
import { signingRequest } from '../support/workload-keys.js';

const { get, getProfile } = Destination.method;
const { watch } = OutboundPolicies.method;
const { watchPort, getPort } = InboundServerPolicies.method;
const { certify } = Identity.method;

function web(endpoints: readonly string[], more = ''): string {
  const service = { addresses: ['10.96.0.10'], ports: [80], endpoints, names: ['web.mesh'] };
  return `services:\n  web: ${JSON.stringify(service)}\n${more}`;
}

/** Ports of the endpoints that were told so far. */
function ports(updates: readonly Update[]): number[] {
  const known = new Set<number>();
  for (const { update } of updates) {
    if (update.case === 'add') for (const { addr } of update.value.addrs) known.add(addr?.port ?? 0);
    if (update.case === 'remove') for (const { port } of update.value.addrs) known.delete(port);
    if (update.case === 'noEndpoints') known.clear();
  }
  return [...known].sort((one, other) => one - other);
}

test('all three APIs answer on one port, at once', async (t) => {
  const mesh = await aController(t, { config: web(['127.0.0.1:8081']) });
  const path = 'web.mesh:80';
  const { update } = await mesh.watch(get, { path }).at(0);
  assert.ok(update.case === 'add');
  assert.equal(update.value.metricLabels['service'], 'web');
  const profile = await mesh.watch(getProfile, { path: '10.96.0.10:80', contextToken: '{}\n' }).at(0);
  assert.equal(profile.fullyQualifiedName, 'web');
  const addr = fromHostPort(at('10.96.0.10:80'));
  const policy = await mesh.watch(watch, { target: { case: 'addr', value: addr } }).at(0);
  assert.equal(policy.protocol?.kind.case, 'detect');
  const target = { case: 'authority', value: path } as const;
  assert.deepEqual(await mesh.ask(OutboundPolicies.method.get, { target }), policy);
  const server = await mesh.watch(watchPort, { workload: 'ns:pod', port: 5432 }).at(0);
  assert.equal(server.protocol?.kind.case, 'opaque');
  assert.deepEqual(await mesh.ask(getPort, { workload: 'ns:pod', port: 5432 }), server);
});

test('what cannot be answered has the code that says whether to ask again', async (t) => {
  const mesh = await aController(t, { config: web([]) });
  const { INVALID_ARGUMENT, NOT_FOUND, UNAVAILABLE } = grpc.status;
  assert.equal((await mesh.watch(get, { path: 'nobody:80' }).ended()).code, NOT_FOUND);
  assert.equal((await mesh.watch(get, { path: '10.0.0.1:80' }).ended()).code, INVALID_ARGUMENT);
  assert.equal((await mesh.watch(getProfile, { path: 'example.com:80' }).ended()).code, INVALID_ARGUMENT);
  const addr = fromHostPort(at('192.0.2.1:80'));
  assert.equal((await mesh.watch(watch, { target: { case: 'addr', value: addr } }).ended()).code, NOT_FOUND);
  assert.equal((await mesh.watch(watch, {}).ended()).code, INVALID_ARGUMENT);
  assert.equal((await mesh.watch(watchPort, { port: 0 }).ended()).code, INVALID_ARGUMENT);
  await assert.rejects(mesh.ask(getPort, { port: 70_000 }), { code: INVALID_ARGUMENT });
  await assert.rejects(mesh.ask(OutboundPolicies.method.get, {}), { code: INVALID_ARGUMENT });
  const request = { identity: 'web', token: Buffer.from('x'), certificateSigningRequest: Buffer.from('x') };
  await assert.rejects(mesh.ask(certify, request), { code: UNAVAILABLE });
  assert.deepEqual((await mesh.watch(get, { path: 'web:80' }).at(0)).update, {
    case: 'noEndpoints',
    value: create(NoEndpointsSchema, { exists: true }),
  });
});

test('edits are told while streams are open, mistakes are not', async (t) => {
  const mesh = await aController(t, { config: web(['127.0.0.1:1', '127.0.0.1:2']) });
  const endpoints = mesh.watch(get, { path: 'web:80' });
  const policy = mesh.watch(watch, { target: { case: 'authority', value: 'web:80' } });
  const profile = mesh.watch(getProfile, { path: 'web:80' });
  await Promise.all([endpoints.at(0), policy.at(0), profile.at(0)]);
  await mesh.edit(web(['127.0.0.1:2', '127.0.0.1:3']));
  await endpoints.at(2);
  assert.deepEqual(ports(endpoints.messages), [2, 3]);
  await mesh.edit('services: [');
  await mesh.untilLogged(({ message }) => message === 'mistake in the mesh file');
  await mesh.edit(web(['127.0.0.1:2', '127.0.0.1:3'], 'timeouts: { detect: 3s }\n'));
  const { protocol } = await policy.at(1);
  assert.ok(protocol?.kind.case === 'detect');
  assert.equal(protocol.kind.value.timeout?.seconds, 3n);
  await mesh.edit('{}');
  await until('nothing is left', () => ports(endpoints.messages).length === 0);
  assert.equal((await policy.ended()).code, grpc.status.NOT_FOUND);
  await mesh.edit(web(['127.0.0.1:9']));
  await until('the service is back', () => ports(endpoints.messages).length === 1);
  assert.deepEqual(
    [endpoints.messages.length, policy.messages.length, profile.messages.length],
    [5, 2, 1],
    'something was told that had not changed',
  );
});

const WEB = 'web.default.serviceaccount.identity.linkerd.cluster.local';
const IDENTITY = 'identity: { workloads: [{ name: web.default, tokenFile: web.token }] }\n';

async function certificate(mesh: Controller, token: string): Promise<X509Certificate> {
  const certificateSigningRequest = await signingRequest(mesh.folder, 'web', { names: [`DNS:${WEB}`] });
  const request = { identity: WEB, token: Buffer.from(token), certificateSigningRequest };
  const { leafCertificate } = await mesh.ask(certify, request);
  return new X509Certificate(leafCertificate);
}

test('a workload gets a certificate, a restart keeps the authority, and no secret is logged', async (t) => {
  const folder = await aFolder(t);
  await writeFile(join(folder, 'web.token'), 'a-secret\n');
  const config = web([], IDENTITY);
  const mesh = await aController(t, { config, folder });
  const first = await certificate(mesh, 'a-secret');
  await assert.rejects(certificate(mesh, 'a-wrong-secret'), { code: grpc.status.FAILED_PRECONDITION });
  const variables = mesh.log.find(({ message }) => message === 'the environment of proxies')?.fields;
  assert.equal(variables?.['LINKERD2_PROXY_IDENTITY_SVC_ADDR'], mesh.address);
  const shown = String(variables['LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS']);
  const anchors = join(folder, 'anchors-of-the-first.crt');
  await writeFile(anchors, await output(['sh', '-c', `printf '%s\n' "${shown}"`]));
  assert.equal((await stat(join(folder, 'ca', 'ca.key'))).mode & 0o777, 0o600);
  mesh.kill('SIGTERM');
  assert.equal((await mesh.ended()).code, 0);

  const again = await aController(t, { config, folder });
  const second = await certificate(again, 'a-secret');
  for (const [index, leaf] of [first, second].entries()) {
    const file = join(folder, `leaf-${String(index)}.pem`);
    await writeFile(file, leaf.toString());
    const words = ['-CAfile', anchors, '-purpose', 'sslserver', '-verify_hostname', WEB, file];
    assert.match(await output(['openssl', 'verify', ...words]), /: OK/);
  }
  for (const { stderr } of [mesh, again]) assert.doesNotMatch(stderr, /a-secret|a-wrong-secret|PRIVATE/);
});

test('an identity that an edit adds is served', async (t) => {
  const mesh = await aController(t, { config: web([]) });
  await writeFile(join(mesh.folder, 'web.token'), 'a-secret');
  await mesh.edit(web([], IDENTITY));
  await mesh.untilLogged(({ message }) => message === 'a new certificate authority is made');
  await until('certificates are issued', async () => {
    try {
      return (await certificate(mesh, 'a-secret')).subjectAltName === `DNS:${WEB}`;
    } catch (error) {
      assert.equal((error as grpc.ServiceError).code, grpc.status.UNAVAILABLE);
      return false;
    }
  });
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} ends it with 0 although streams are open, which are told to ask again`, async (t) => {
    const mesh = await aController(t, { config: web(['127.0.0.1:1']) });
    const streams = Array.from({ length: 100 }, () => mesh.watch(get, { path: 'web:80' }));
    await Promise.all(streams.map((stream) => stream.at(0)));
    mesh.kill(signal);
    assert.equal((await mesh.ended(5000)).code, 0);
    for (const stream of streams) assert.equal((await stream.ended()).code, grpc.status.UNAVAILABLE);
  });
}

/** A stream of Destination.Get over bare HTTP/2 whose flow control takes nothing until `read`. */
function slowStream(t: TestContext, mesh: Controller): { read: () => Promise<number> } {
  const session = connect(`http://${mesh.address}`, { settings: { initialWindowSize: 0 } });
  session.on('error', () => undefined);
  t.after(() => {
    session.destroy();
  });
  const stream = session.request({
    ':method': 'POST',
    ':path': '/io.linkerd.proxy.destination.Destination/Get',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
  stream.on('error', () => undefined);
  const message = toBinary(GetDestinationSchema, create(GetDestinationSchema, { path: 'web:80' }));
  stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]));
  return {
    read: async () => {
      session.settings({ initialWindowSize: 1_000_000 });
      let before = -1;
      await until('everything has come', async () => {
        if (bytes > 0 && bytes === before) return true;
        before = bytes;
        await new Promise((resolve) => setTimeout(resolve, 200));
        return false;
      });
      assert.equal(stream.rstCode, constants.NGHTTP2_NO_ERROR);
      return bytes;
    },
  };
}

test('a client that does not read gets the latest when it does, not all that was', async (t) => {
  const many = (edit: number): string =>
    web(Array.from({ length: 200 }, (_, index) => `127.0.${String(edit)}.1:${String(index + 1)}`));
  const mesh = await aController(t, { config: many(1) });
  const quick = mesh.watch(get, { path: 'web:80' });
  await quick.at(0);
  const slow = slowStream(t, mesh);
  const EDITS = 20;
  for (let edit = 2; edit <= EDITS; edit++) {
    await mesh.edit(many(edit));
    const change = (edit - 1) * 2;
    await quick.at(change);
  }
  const one = quick.messages.length;
  assert.equal(one, 1 + (EDITS - 1) * 2);
  // 200 endpoints of 15 to 20 bytes: the first answer and one difference of both kinds.
  const bytes = await slow.read();
  assert.ok(bytes > 3000 && bytes < 20_000, String(bytes));
});

test('thousands of streams are told of an edit', async (t) => {
  const mesh = await aController(t, { config: web(['127.0.0.1:1']) });
  const streams = Array.from({ length: 3000 }, () => mesh.watch(get, { path: 'web:80' }));
  await Promise.all(streams.map((stream) => stream.at(0)));
  await mesh.edit(web(['127.0.0.1:2']));
  await Promise.all(streams.map((stream) => stream.at(2)));
  for (const { messages } of streams) assert.deepEqual(ports(messages), [2]);
});

test('what proxies cannot be told is logged', async (t) => {
  const mesh = await aController(t, { config: 'timeouts: { response: 1s }\n' });
  const { fields } = await mesh.untilLogged(({ message }) => message.includes('cannot be told'));
  assert.equal(fields?.['path'], 'timeouts.response');
});

test('wrong options and files are told at once, and nothing is started', async (t) => {
  const folder = await aFolder(t);
  const file = join(folder, 'mesh.yaml');
  await writeFile(file, 'services: { web: { ports: [0], endpoints: [] } }');
  const wrong = await sluice(['controller', '-c', file, '--listen', 'here', '--ca-dri', 'x']);
  assert.equal(wrong.code, 64);
  assert.equal(
    wrong.stderr,
    [
      'sluice controller: unknown option --ca-dri; did you mean --ca-dir?',
      'sluice controller: --listen: "here" is not address:port, such as 127.0.0.1:8086',
      `sluice controller: ${file}:1:28: services.web.ports[0] must be a whole number from 1 to 65535, but is 0`,
      '',
    ].join('\n'),
  );
  const missing = await sluice(['controller', '--ca-dir', folder]);
  assert.equal(missing.code, 64);
  assert.equal(missing.stderr, 'sluice controller: --config is missing: the mesh file says what is served\n');
});

test('a port that is taken, and an authority that cannot be used, are told with 69', async (t) => {
  const mesh = await aController(t, { config: web([]) });
  const file = join(mesh.folder, 'mesh.yaml');
  const taken = await sluice(['controller', '-c', file, '--listen', mesh.address, '--ca-dir', mesh.folder]);
  assert.equal(taken.code, 69);
  assert.match(taken.stderr, /cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE/);

  const ca = join(mesh.folder, 'ca');
  await rm(ca, { recursive: true, force: true });
  await mkdir(ca);
  await writeFile(join(ca, 'ca.crt'), await readFile('package.json'));
  await writeFile(file, web([], IDENTITY));
  const unusable = await sluice(['controller', '-c', file, '--listen', '127.0.0.1:0', '--ca-dir', ca]);
  assert.equal(unusable.code, 69);
  assert.match(unusable.stderr, /ca\.crt is there without its key/);
});
