// gRPC through the proxy: a real client and a real server of @grpc/grpc-js, in all four shapes.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { type TestContext, test } from 'node:test';

import * as grpc from '@grpc/grpc-js';

import { Protocol, Reason } from '../../src/dataplane/gen/contract_pb.js';
import { asIs, bytesMethod, listening } from '../support/grpc-ends.js';
import { aProxy, type ProxyUnderTest } from '../support/proxy-under-test.js';
import { seededBytes } from '../support/seeded-bytes.js';

const ECHO = {
  unary: bytesMethod('/test.Echo/Unary'),
  collect: bytesMethod('/test.Echo/Collect', { requestStream: true }),
  repeat: bytesMethod('/test.Echo/Repeat', { responseStream: true }),
  chat: bytesMethod('/test.Echo/Chat', { requestStream: true, responseStream: true }),
};

async function echoServer(t: TestContext): Promise<number> {
  const server = new grpc.Server({ 'grpc.max_receive_message_length': 16 << 20 });
  server.addService(ECHO, {
    unary: (call: grpc.ServerUnaryCall<Buffer, Buffer>, answer: grpc.sendUnaryData<Buffer>) => {
      if (call.request.toString() === 'fail') {
        answer({ code: grpc.status.FAILED_PRECONDITION, details: 'as asked' });
        return;
      }
      const trailer = new grpc.Metadata();
      trailer.set('x-length', String(call.request.length));
      answer(null, call.request, trailer);
    },
    collect: (call: grpc.ServerReadableStream<Buffer, Buffer>, answer: grpc.sendUnaryData<Buffer>) => {
      const parts: Buffer[] = [];
      call.on('data', (part: Buffer) => parts.push(part));
      call.on('end', () => {
        answer(null, Buffer.concat(parts));
      });
    },
    repeat: (call: grpc.ServerWritableStream<Buffer, Buffer>) => {
      for (let n = 0; n < 100; n += 1) call.write(call.request);
      call.end();
    },
    chat: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
      call.on('data', (part: Buffer) => call.write(part));
      call.on('end', () => {
        call.end();
      });
    },
  });
  return listening(t, server);
}

function client(t: TestContext, port: number): grpc.Client {
  const one = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
    'grpc.max_receive_message_length': 16 << 20,
  });
  t.after(() => {
    one.close();
  });
  return one;
}

interface Answer {
  readonly body: Buffer | undefined;
  readonly status: grpc.StatusObject;
}

function unary(to: grpc.Client, request: Buffer): Promise<Answer> {
  return new Promise((resolve) => {
    let body: Buffer | undefined;
    const call = to.makeUnaryRequest(ECHO.unary.path, asIs, asIs, request, (_error, answer) => {
      body = answer;
    });
    call.on('status', (status) => {
      resolve({ body, status });
    });
  });
}

async function throughTheProxy(t: TestContext): Promise<{ to: grpc.Client; proxy: ProxyUnderTest }> {
  const proxy = aProxy(t);
  const { port } = proxy.route({ to: [await echoServer(t)], protocol: Protocol.DETECT });
  return { to: client(t, port), proxy };
}

test('unary calls carry messages of any size, metadata in trailers and status codes', async (t) => {
  const { to, proxy } = await throughTheProxy(t);
  for (const size of [0, 1, 100, 5 << 20]) {
    const request = seededBytes(size + 1, size);
    const { body, status } = await unary(to, request);
    assert.equal(status.code, grpc.status.OK);
    assert.ok(body !== undefined && request.equals(body));
    assert.deepEqual(status.metadata.get('x-length'), [String(size)]);
  }
  const { status } = await unary(to, Buffer.from('fail'));
  assert.equal(status.code, grpc.status.FAILED_PRECONDITION);
  assert.equal(status.details, 'as asked');
  assert.equal(proxy.metric('sluice_detect_results_total', { result: 'http/2' }), 1);
});

test('client streaming, server streaming and both at once', async (t) => {
  const { to } = await throughTheProxy(t);
  const parts = Array.from({ length: 50 }, (_, n) => seededBytes(n, 10_000));

  const collected = await new Promise<Buffer | undefined>((resolve, reject) => {
    const call = to.makeClientStreamRequest(ECHO.collect.path, asIs, asIs, (error, body) => {
      if (error === null) resolve(body);
      else reject(error);
    });
    for (const part of parts) call.write(part);
    call.end();
  });
  assert.ok(collected !== undefined && Buffer.concat(parts).equals(collected));

  let repeated = 0;
  for await (const part of to.makeServerStreamRequest(ECHO.repeat.path, asIs, asIs, Buffer.from('again'))) {
    assert.equal(String(part), 'again');
    repeated += 1;
  }
  assert.equal(repeated, 100);

  const chat = to.makeBidiStreamRequest(ECHO.chat.path, asIs, asIs);
  const heard: Buffer[] = [];
  chat.write(seededBytes(0, 10_000));
  for await (const part of chat as AsyncIterable<Buffer>) {
    heard.push(part);
    const next = parts[heard.length];
    if (next === undefined) chat.end();
    else chat.write(next);
  }
  assert.equal(heard.length, parts.length);
  assert.ok(Buffer.concat(parts).equals(Buffer.concat(heard)));
});

test('a thousand calls at once are all answered, over few connections', async (t) => {
  const { to, proxy } = await throughTheProxy(t);
  const answers = await Promise.all(
    Array.from({ length: 1000 }, (_, n) => unary(to, Buffer.from(`call ${n}`))),
  );
  for (const [n, { body, status }] of answers.entries()) {
    assert.equal(status.code, grpc.status.OK);
    assert.equal(String(body), `call ${n}`);
  }
  assert.ok(proxy.metric('sluice_dials_total') <= 20);
  assert.equal(proxy.metric('response_total', { status_code: '200', classification: 'success' }), 1000);
});

/** Where nobody listens: a port that was just given up. */
async function unusedPort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

test('a dead endpoint is told in gRPC terms, with its reason', async (t) => {
  const proxy = aProxy(t);
  const { port } = proxy.route({ to: [await unusedPort()], protocol: Protocol.DETECT });
  const { status } = await unary(client(t, port), Buffer.from('anybody?'));
  assert.equal(status.code, grpc.status.UNAVAILABLE);
  assert.match(status.details, /connection refused/i);
  await proxy.failure(Reason.CONNECT_REFUSED);
});
