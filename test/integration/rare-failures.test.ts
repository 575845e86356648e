// Faults that need more than a server that misbehaves: dials that hang, listeners that cannot tell
// where a connection was going, memory and descriptors that run out.
import assert from 'node:assert/strict';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

import {
  Direction,
  OriginalDestinationSource,
  Protocol,
  Reason,
} from '../../src/dataplane/gen/contract_pb.js';
import { loopback } from '../contract/harness.js';
import { aHungPort } from '../support/hung-port.js';
import { aLineProcess, type LineProcess } from '../support/line-process.js';
import { aClient, aServer, eventually } from '../support/peer.js';
import { aProxy, type ProxyUnderTest } from '../support/proxy-under-test.js';
import { aRawHttpServer, crlf, exchange, field, readResponse } from '../support/raw-http.js';

const GET = crlf('GET / HTTP/1.1\nHost: web\n\n');

test('a dial that hangs: 504, connect_timeout', async (t) => {
  const proxy = aProxy(t);
  const route = proxy.route({ to: [await aHungPort(t)], target: { connectTimeoutMs: 100 } });
  const response = await exchange(await aClient(t, route.port), 'GET / HTTP/1.1\nHost: web\n\n');
  assert.equal(response.status, 504);
  assert.match(field(response, 'l5d-proxy-error') ?? '', /endpoint 127\.0\.0\.1:\d+: connect timed out/);
  assert.equal((await proxy.failure(Reason.CONNECT_TIMEOUT)).status, 504);
  await proxy.metricBecomes('sluice_request_errors_total', { error: 'connect_timeout' }, 1);
});

test('an endpoint that is removed while it is dialled: 502, endpoint_removed', async (t) => {
  const proxy = aProxy(t);
  const hung = await aHungPort(t);
  const route = proxy.route({ to: [hung] });
  const client = await aClient(t, route.port);
  await client.send(GET);
  await proxy.metricBecomes('sluice_dials_total', {}, 1);
  proxy.remove(route, hung);
  const response = await readResponse(client);
  assert.equal(response.status, 502);
  assert.match(field(response, 'l5d-proxy-error') ?? '', /endpoint removed by discovery/);
  await proxy.metricBecomes('sluice_request_errors_total', { error: 'endpoint_removed' }, 1);
});

test('a balanced request leaves a dial that hangs when its endpoint is removed', async (t) => {
  const proxy = aProxy(t);
  const hung = await aHungPort(t);
  const server = await aRawHttpServer(t);
  const route = proxy.route({ balanced: true, to: [hung] });
  const client = await aClient(t, route.port);
  await client.send(GET);
  await proxy.metricBecomes('sluice_dials_total', {}, 1);
  proxy.add(route, server.port);
  proxy.remove(route, hung);
  assert.equal((await readResponse(client)).status, 200);
  assert.equal(proxy.metric('sluice_request_errors_total'), 0);
});

function listener(proxy: ProxyUnderTest, source: OriginalDestinationSource): number {
  const direction = Direction.OUTBOUND;
  return proxy.plane.listen({ id: 1, direction, address: loopback(0), source }).port;
}

test('a connection to the proxy itself is refused as a loop', async (t) => {
  const proxy = aProxy(t);
  const client = await aClient(t, listener(proxy, OriginalDestinationSource.SOURCE_LOCAL_ADDRESS));
  assert.equal(await client.ending(), 'reset');
  await proxy.failure(Reason.LOOP_REFUSED);
  await proxy.metricBecomes('sluice_connection_errors_total', { error: 'loop_refused' }, 1);
});

test('a connection that nobody redirected has no original destination', async (t) => {
  const proxy = aProxy(t);
  const client = await aClient(t, listener(proxy, OriginalDestinationSource.SOURCE_SOCKET_OPTION));
  assert.equal(await client.ending(), 'reset');
  const reasons = [Reason.NO_ORIGINAL_DESTINATION, Reason.LOOP_REFUSED];
  // With connection tracking the kernel answers with the address itself, which is the proxy's own.
  await proxy.metricBecomes('sluice_connection_errors_total', {}, 1);
  assert.ok(proxy.failures.every(({ reason }) => reasons.includes(reason)));
});

test('above the memory watermark new connections are reset, and accepted again below it', async (t) => {
  const proxy = aProxy(t, {
    workers: 1,
    tcp: { halfCloseTimeoutMs: 100 },
    buffers: { directionBudgetBytes: 262_144, spliceThresholdBytes: 0, totalBudgetBytes: 262_144n },
  });
  const server = await aServer(t);
  const { port } = proxy.route({ protocol: Protocol.OPAQUE, to: [server.port] });
  const greedy = await aClient(t, port);
  await server.connection();
  for (let i = 0; i < 64; i += 1) greedy.write(Buffer.alloc(1 << 20));
  await proxy.metricBecomes('sluice_connection_errors_total', {}, 0);
  while (proxy.inspect().bufferBytes < 262_144n) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(await (await aClient(t, port)).ending(), 'reset');
  await proxy.metricBecomes('sluice_connection_errors_total', { error: 'out_of_memory_budget' }, 1);

  greedy.reset();
  await proxy.metricBecomes('tcp_open_connections', { peer: 'src' }, 0);
  const next = await aClient(t, port);
  await next.send('hello');
  assert.equal((await (await server.connection()).exactly(5)).toString(), 'hello');
});

// In a process of its own: a client, and whoever gives back descriptors to a process that has none.
const HELPER = `
import os, resource, socket, sys
for line in sys.stdin:
    command, number = line.split()
    if command == "limit":
        hard = resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE)[1]
        resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (int(number), hard))
        print("done", flush=True)
        continue
    try:
        client = socket.create_connection(("127.0.0.1", int(number)), 20)
        client.sendall(b"GET / HTTP/1.1\\r\\nHost: web\\r\\nConnection: close\\r\\n\\r\\n")
        print(client.makefile("rb").readline().decode().strip(), flush=True)
    except ConnectionError:
        print("reset", flush=True)
`;

async function tell(helper: LineProcess, command: 'get' | 'limit', number: number): Promise<string> {
  helper.ask(`${command} ${number}`);
  return helper.answer();
}

/** Opens what can still be opened. */
function takeDescriptors(): number[] {
  const taken: number[] = [];
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'));
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'EMFILE');
    return taken;
  }
}

/** Runs `body` while this process can open `count` descriptors more. */
async function withDescriptors(helper: LineProcess, count: number, body: () => Promise<void>): Promise<void> {
  const [, before] = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  assert.ok(before !== undefined);
  // Above every open one, so that a descriptor that is closed can be opened again.
  const highest = Math.max(...readdirSync('/proc/self/fd').map(Number));
  await tell(helper, 'limit', highest + 20);
  const taken = takeDescriptors();
  try {
    for (const fd of taken.splice(0, count)) closeSync(fd);
    await body();
  } finally {
    for (const fd of taken) closeSync(fd);
    await tell(helper, 'limit', Number(before));
  }
}

test('without a descriptor for a dial: 503, out_of_descriptors', async (t) => {
  const proxy = aProxy(t, { workers: 1 });
  const server = await aRawHttpServer(t);
  const { port } = proxy.route({ balanced: true, to: [server.port] });
  const helper = aLineProcess(t, '/usr/bin/python3', ['-c', HELPER]);
  await withDescriptors(helper, 1, async () => {
    assert.equal(await tell(helper, 'get', port), 'HTTP/1.1 503 Service Unavailable');
  });
  assert.equal((await proxy.failure(Reason.OUT_OF_DESCRIPTORS)).status, 503);
  await proxy.metricBecomes('sluice_request_errors_total', { error: 'out_of_descriptors' }, 1);
});

test('without a descriptor to accept with, the accept loop stays alive and counts', async (t) => {
  const proxy = aProxy(t, { workers: 1 });
  const server = await aRawHttpServer(t);
  const { port } = proxy.route({ to: [server.port] });
  const helper = aLineProcess(t, '/usr/bin/python3', ['-c', HELPER]);
  await withDescriptors(helper, 0, async () => {
    assert.equal(await tell(helper, 'get', port), 'reset');
  });
  await eventually(
    () => proxy.metric('sluice_accept_errors_total', { errno: 'EMFILE' }) >= 1,
    'the error was not counted',
  );
  assert.equal(await tell(helper, 'get', port), 'HTTP/1.1 200 OK');
});
