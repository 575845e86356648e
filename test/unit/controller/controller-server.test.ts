// What the server keeps of its clients: nothing, once they are gone; and how it ends whatever they do.
import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { test, type TestContext } from 'node:test';

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';

import { GetDestinationSchema, UpdateSchema } from '../../../src/api/gen/destination_pb.js';
import { Certifier } from '../../../src/controller/certifier.js';
import { ControllerServer } from '../../../src/controller/controller-server.js';
import { systemClock } from '../../../src/core/clock.js';
import { formatHostPort } from '../../../src/core/ip.js';
import { Watch } from '../../../src/core/watch.js';
import { asIs } from '../../support/grpc-ends.js';
import { anOpenMesh, type OpenMesh, parsedMesh } from '../../support/mesh-questions.js';
import { aFolder, until } from '../../support/processes.js';
import { RecordingLogger } from '../../support/recording-logger.js';

const WEB = 'services: { web: { ports: [80], endpoints: [10.0.0.1:1] } }';
const GET = '/io.linkerd.proxy.destination.Destination/Get';

async function aServer(t: TestContext): Promise<{ server: ControllerServer; mesh: OpenMesh }> {
  const mesh = anOpenMesh(WEB);
  const [clock, logger, folder] = [systemClock, new RecordingLogger(), await aFolder(t)];
  const config = new Watch(parsedMesh(WEB));
  const certifier = new Certifier({ config, folder, tokens: { folder, variables: {} }, clock, logger });
  const listen = { ip: '127.0.0.1', port: 0 };
  const server = new ControllerServer({ listen, answers: mesh.answers, certifier, clock, logger });
  await server.start();
  t.after(() => server.stop());
  return { server, mesh };
}

function clientOf(t: TestContext, server: ControllerServer): grpc.Client {
  const client = new grpc.Client(formatHostPort(server.address), grpc.credentials.createInsecure());
  t.after(() => {
    client.close();
  });
  return client;
}

function get(client: grpc.Client, path: string): grpc.ClientReadableStream<Buffer> {
  const request = Buffer.from(toBinary(GetDestinationSchema, create(GetDestinationSchema, { path })));
  const call = client.makeServerStreamRequest(GET, asIs, asIs, request);
  call.on('error', () => undefined);
  call.resume();
  return call;
}

test('a stream that its client ends is forgotten, and so is its question', async (t) => {
  const { server, mesh } = await aServer(t);
  const client = clientOf(t, server);
  const calls = Array.from({ length: 50 }, () => get(client, 'web:80'));
  await until('streams are open', () => server.streams === 50);
  assert.equal(mesh.answers.open, 1);
  for (const call of calls) call.cancel();
  await until('streams are forgotten', () => server.streams === 0 && mesh.answers.open === 0);
});

test('streams of a connection that is lost are forgotten', async (t) => {
  const { server, mesh } = await aServer(t);
  const session = connect(`http://${formatHostPort(server.address)}`);
  session.on('error', () => undefined);
  t.after(() => {
    session.destroy();
  });
  const bytes = toBinary(GetDestinationSchema, create(GetDestinationSchema, { path: 'web:80' }));
  const message = Buffer.concat([Buffer.from([0, 0, 0, 0, bytes.length]), bytes]);
  const headers = { ':method': 'POST', ':path': GET, 'content-type': 'application/grpc', te: 'trailers' };
  for (let index = 0; index < 50; index++) {
    const stream = session.request(headers);
    stream.on('error', () => undefined);
    stream.end(message);
  }
  await until('streams are open', () => server.streams === 50);
  session.destroy();
  await until('streams are forgotten', () => server.streams === 0 && mesh.answers.open === 0);
});

test('questions that are refused leave nothing behind', async (t) => {
  const { server, mesh } = await aServer(t);
  const client = clientOf(t, server);
  const codes = await Promise.all(
    ['nobody:80', '10.0.0.1:80', ''].map(
      (path) =>
        new Promise<grpc.status>((resolve) => {
          get(client, path).on('status', ({ code }: grpc.StatusObject) => {
            resolve(code);
          });
        }),
    ),
  );
  const { NOT_FOUND, INVALID_ARGUMENT } = grpc.status;
  assert.deepEqual(codes, [NOT_FOUND, INVALID_ARGUMENT, INVALID_ARGUMENT]);
  assert.equal(server.streams, 0);
  assert.equal(mesh.answers.open, 0);
});

test('a request that is no message, and one that is too large, harm nobody', async (t) => {
  const { server } = await aServer(t);
  const client = clientOf(t, server);
  const codeOf = (bytes: Buffer): Promise<grpc.status> =>
    new Promise((resolve) => {
      const call = client.makeServerStreamRequest(GET, asIs, asIs, bytes);
      call.on('error', () => undefined);
      call.on('status', ({ code }: grpc.StatusObject) => {
        resolve(code);
      });
      call.resume();
    });
  assert.notEqual(await codeOf(Buffer.from([0x12, 0xff])), grpc.status.OK);
  assert.equal(await codeOf(Buffer.alloc(100_000)), grpc.status.RESOURCE_EXHAUSTED);
  const call = get(client, 'web:80');
  const first = await new Promise<Buffer>((resolve) => call.once('data', resolve));
  assert.equal(fromBinary(UpdateSchema, first).update.case, 'add');
});

test('the end does not wait for clients that stay, and a second end does no harm', async (t) => {
  const { server } = await aServer(t);
  const call = get(clientOf(t, server), 'web:80');
  const ended = new Promise<grpc.StatusObject>((resolve) => call.on('status', resolve));
  await until('a stream is open', () => server.streams === 1);
  await server.stop();
  assert.equal((await ended).code, grpc.status.UNAVAILABLE);
  assert.equal(server.streams, 0);
});
