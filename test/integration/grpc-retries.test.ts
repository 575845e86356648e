// gRPC calls that are sent again: by the code of a response without a message, wherever it stands, and never
// once a message has been passed on; and time-outs in gRPC's terms. Client and server are @grpc/grpc-js.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import * as grpc from '@grpc/grpc-js';

import { Protocol, RouteKind } from '../../src/dataplane/gen/contract_pb.js';
import { asIs, bytesMethod, listening } from '../support/grpc-ends.js';
import { within } from '../support/peer.js';
import { aProxy, type ProxyUnderTest } from '../support/proxy-under-test.js';
import { oneRule, rule, type RuleInit } from '../support/route-tables.js';

const ASK = bytesMethod('/test.Shop/Ask', { responseStream: true });

type Call = grpc.ServerWritableStream<Buffer, Buffer>;

/** Ends a call with a code that is not OK. */
function failWith(call: Call, code: grpc.status): void {
  call.emit('error', { code, details: 'as the server said', metadata: new grpc.Metadata() });
}

interface Shop {
  readonly port: number;
  /** Requests that came. */
  readonly asked: readonly string[];
}

async function aShop(t: TestContext, answer: (call: Call, number: number) => void): Promise<Shop> {
  const asked: string[] = [];
  const server = new grpc.Server();
  server.addService(
    { ask: ASK },
    {
      ask: (call: Call) => {
        asked.push(call.request.toString());
        answer(call, asked.length);
      },
    },
  );
  return { port: await listening(t, server), asked };
}

interface Outcome {
  readonly messages: readonly string[];
  readonly status: grpc.StatusObject;
}

interface Scene {
  readonly proxy: ProxyUnderTest;
  readonly shop: Shop;
  readonly ask: (metadata?: Readonly<Record<string, string>>) => Promise<Outcome>;
}

async function scene(
  t: TestContext,
  more: RuleInit,
  answer: (call: Call, number: number) => void,
): Promise<Scene> {
  const shop = await aShop(t, answer);
  const proxy = aProxy(t);
  const { port } = proxy.routed(
    oneRule(rule(11, proxy.target([shop.port]), { kind: RouteKind.ROUTE_GRPC, ...more })),
    { protocol: Protocol.DETECT },
  );
  // Retries of its own would hide those of the proxy.
  const client = new grpc.Client(`127.0.0.1:${String(port)}`, grpc.credentials.createInsecure(), {
    'grpc.enable_retries': 0,
  });
  t.after(() => {
    client.close();
  });
  const ask: Scene['ask'] = (fields = {}) => {
    const metadata = new grpc.Metadata();
    for (const [name, value] of Object.entries(fields)) metadata.set(name, value);
    const outcome = new Promise<Outcome>((resolve) => {
      const messages: string[] = [];
      const call = client.makeServerStreamRequest(ASK.path, asIs, asIs, Buffer.from('how much?'), metadata);
      call.on('data', (message: Buffer) => messages.push(message.toString()));
      call.on('error', () => undefined);
      call.on('status', (status) => {
        resolve({ messages, status });
      });
    });
    return within(outcome, 'no status');
  };
  return { proxy, shop, ask };
}

function answerWell(call: Call): void {
  call.write(Buffer.from('little'));
  call.end();
}

const RETRY = { maxRetries: 3, maxRequestBytes: 65_536n, grpcCodes: [grpc.status.UNAVAILABLE] };

test('UNAVAILABLE in the head of a response without a body is sent again', async (t) => {
  const { ask, shop, proxy } = await scene(t, { retry: RETRY }, (call, number) => {
    if (number < 3) failWith(call, grpc.status.UNAVAILABLE);
    else answerWell(call);
  });
  const { messages, status } = await ask();
  assert.deepEqual([messages, status.code], [['little'], grpc.status.OK]);
  assert.deepEqual(shop.asked, ['how much?', 'how much?', 'how much?']);
  assert.equal(proxy.metric('outbound_grpc_route_retry_requests_total'), 2);
  assert.equal(proxy.metric('outbound_grpc_route_retry_successes_total'), 1);
  assert.equal(proxy.metric('outbound_grpc_route_request_statuses_total', { grpc_status: 'OK' }), 1);
  assert.equal(
    proxy.metric('outbound_grpc_route_backend_response_statuses_total', { grpc_status: 'UNAVAILABLE' }),
    2,
  );
});

test('UNAVAILABLE in trailers after no message is sent again', async (t) => {
  const { ask, shop } = await scene(t, { retry: RETRY }, (call, number) => {
    call.sendMetadata(new grpc.Metadata());
    if (number < 3) failWith(call, grpc.status.UNAVAILABLE);
    else answerWell(call);
  });
  const { messages, status } = await ask();
  assert.deepEqual([messages, status.code], [['little'], grpc.status.OK]);
  assert.equal(shop.asked.length, 3);
});

test('UNAVAILABLE after a message is passed on: the message was, too', async (t) => {
  const { ask, shop, proxy } = await scene(t, { retry: RETRY }, (call) => {
    call.write(Buffer.from('little'), () => {
      failWith(call, grpc.status.UNAVAILABLE);
    });
  });
  const { messages, status } = await ask();
  assert.deepEqual([messages, status.code], [['little'], grpc.status.UNAVAILABLE]);
  assert.equal(status.details, 'as the server said');
  assert.equal(shop.asked.length, 1);
  assert.equal(proxy.metric('outbound_grpc_route_retry_requests_total'), 0);
});

test('a code that the rule does not name is an answer', async (t) => {
  for (const withHead of [false, true]) {
    const { ask, shop } = await scene(t, { retry: RETRY }, (call) => {
      if (withHead) call.sendMetadata(new grpc.Metadata());
      failWith(call, grpc.status.NOT_FOUND);
    });
    const { status } = await ask();
    assert.deepEqual([status.code, status.details], [grpc.status.NOT_FOUND, 'as the server said']);
    assert.equal(shop.asked.length, 1);
  }
});

test('the last answer of a call that was sent often enough is passed on, head, trailers and all', async (t) => {
  for (const withHead of [false, true]) {
    const { ask, shop, proxy } = await scene(t, { retry: { ...RETRY, maxRetries: 2 } }, (call) => {
      if (withHead) call.sendMetadata(new grpc.Metadata());
      failWith(call, grpc.status.UNAVAILABLE);
    });
    const { messages, status } = await ask();
    assert.deepEqual([messages, status.code], [[], grpc.status.UNAVAILABLE]);
    assert.equal(status.details, 'as the server said');
    assert.equal(shop.asked.length, 3);
    assert.equal(proxy.metric('outbound_grpc_route_retry_limit_exceeded_total'), 1);
  }
});

test('a call may ask for retries where the rule allows it', async (t) => {
  const { ask, shop } = await scene(t, { allowRequestOverrides: true }, (call, number) => {
    if (number < 3) failWith(call, grpc.status.RESOURCE_EXHAUSTED);
    else answerWell(call);
  });
  const { status } = await ask({
    'l5d-retry-grpc': 'unavailable,resource-exhausted',
    'l5d-retry-limit': '2',
  });
  assert.equal(status.code, grpc.status.OK);
  assert.equal(shop.asked.length, 3);
});

test('a call that is not answered in time ends with DEADLINE_EXCEEDED', async (t) => {
  for (const timeouts of [{ requestMs: 100 }, { responseMs: 100 }, { idleMs: 100 }]) {
    const { ask } = await scene(t, { timeouts }, () => undefined);
    const { messages, status } = await ask();
    assert.deepEqual([messages, status.code], [[], grpc.status.DEADLINE_EXCEEDED], JSON.stringify(timeouts));
    assert.match(status.details, /timed out|idle for too long/);
  }
});

test('a call whose stream stops ends with DEADLINE_EXCEEDED in its trailers, after what had come', async (t) => {
  for (const timeouts of [{ requestMs: 300 }, { responseMs: 300 }, { idleMs: 300 }]) {
    const { ask } = await scene(t, { timeouts }, (call) => {
      call.write(Buffer.from('little'));
    });
    const { messages, status } = await ask();
    assert.deepEqual(
      [messages, status.code],
      [['little'], grpc.status.DEADLINE_EXCEEDED],
      JSON.stringify(timeouts),
    );
    assert.match(status.details, /timed out|idle for too long/);
  }
});
