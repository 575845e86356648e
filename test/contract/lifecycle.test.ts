// The life of a data plane in a node process: closing it, forgetting to, ending the process or a
// worker_thread around it. What ends a whole process runs in one of its own.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';

import { DataPlaneClosedError } from '../../src/dataplane/errors.js';
import { LogLevel, Protocol } from '../../src/dataplane/gen/contract_pb.js';
import { loadAddon } from '../../src/dataplane/load.js';
import { NativeDataPlane } from '../../src/dataplane/native-dataplane.js';
import { closedPort, forwardPort, openPlane, request, serveHttp, settings } from './harness.js';

/** Long enough for a busy machine; what hangs is ended and reported as such. */
const LIMIT_MS = 60_000;

/** Code that has `plane`, a running data plane, and `Worker`. */
function program(body: string): string {
  const dataplane = new URL('../../src/dataplane/', import.meta.url).href;
  return `
    import { Worker } from 'node:worker_threads';
    import { loadAddon } from '${dataplane}load.js';
    import { NativeDataPlane } from '${dataplane}native-dataplane.js';
    import { settings } from '${new URL('./harness.js', import.meta.url).href}';
    const start = () => new NativeDataPlane(loadAddon().addon, settings(), (error) => { throw error; });
    ${body}`;
}

async function exitOf(body: string): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program(body)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(limit);
  return { code, output };
}

test('no event is delivered after close, and nothing listens any more', async (t) => {
  const { plane, events } = openPlane(t);
  const port = forwardPort(plane, 1, Protocol.HTTP1, await closedPort());
  // The workers have defined the destination's series when this returns; nobody was told yet,
  // because this turn of the loop has not ended.
  plane.inspect();
  plane.close();
  const socket = connect({ port, host: '127.0.0.1' });
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ECONNREFUSED');
  assert.equal(events.batches, 0);
});

test('a data plane that is closed takes no commands, and may be closed again', (t) => {
  const { plane } = openPlane(t);
  plane.close();
  plane.close();
  assert.throws(() => plane.inspect(), DataPlaneClosedError);
  assert.throws(() => plane.scrape(), DataPlaneClosedError);
  assert.throws(() => {
    plane.setLogLevel(LogLevel.LOG_INFO);
  }, DataPlaneClosedError);
});

test('closing from within a listener keeps the rest of the batch from the others', async (t) => {
  const reported: unknown[] = [];
  const plane = new NativeDataPlane(loadAddon().addon, settings(), (error) => reported.push(error));
  let afterwards = 0;
  const closed = new Promise<void>((resolve) => {
    plane.subscribe(() => {
      plane.close();
      resolve();
    });
  });
  plane.subscribe(() => {
    afterwards += 1;
  });
  const keepAlive = setTimeout(() => {
    assert.fail('no event arrived');
  }, LIMIT_MS);
  t.after(() => {
    clearTimeout(keepAlive);
  });
  plane.drain(0);
  await closed;
  assert.equal(afterwards, 0);
  assert.deepEqual(reported, []);
});

test('a listener that throws is reported, and the others are told', async (t) => {
  const reported: unknown[] = [];
  const plane = new NativeDataPlane(loadAddon().addon, settings(), (error) => reported.push(error));
  t.after(() => {
    plane.close();
  });
  const thrown = new Error('a listener is broken');
  const unsubscribe = plane.subscribe(() => {
    unsubscribe();
    throw thrown;
  });
  const told = new Promise<void>((resolve, reject) => {
    const limit = setTimeout(reject, LIMIT_MS);
    plane.subscribe(() => {
      clearTimeout(limit);
      resolve();
    });
  });
  plane.drain(0);
  await told;
  assert.deepEqual(reported, [thrown]);
});

test('many data planes live beside each other', async (t) => {
  const backend = await serveHttp(t, 'hello');
  const planes = Array.from({ length: 4 }, () => openPlane(t).plane);
  const ports = planes.map((plane) => forwardPort(plane, 1, Protocol.HTTP1, backend));
  for (const response of await Promise.all(ports.map((port) => request(t, port, 'web.mesh')))) {
    assert.ok(response.endsWith('hello'), response);
  }
});

test('a data plane does not keep node alive, and need not be closed', async () => {
  assert.deepEqual(await exitOf('start(); console.log("end");'), { code: 0, output: 'end\n' });
});

test('process.exit with a running data plane gives its code', async () => {
  assert.deepEqual(await exitOf('start().drain(0); process.exit(7);'), { code: 7, output: '' });
});

test('an uncaught error with a running data plane gives code 1', async () => {
  const { code, output } = await exitOf('start(); setImmediate(() => { throw new Error("the end"); });');
  assert.equal(code, 1);
  assert.match(output, /the end/);
});

test('worker_threads end with a running data plane, by themselves or terminated', async () => {
  const inThread = program(`
    const { parentPort, workerData } = await import('node:worker_threads');
    const plane = start();
    plane.subscribe(() => parentPort.postMessage('told'));
    plane.drain(0);
    if (workerData === 'stays') setInterval(() => undefined, 1_000);
  `);
  const { code, output } = await exitOf(`
    const { once } = await import('node:events');
    const source = new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(inThread)}));
    for (let round = 0; round < 5; round += 1) {
      const ends = new Worker(source, { workerData: 'ends' });
      await once(ends, 'exit');
      const stays = new Worker(source, { workerData: 'stays' });
      await once(stays, 'message');
      await stays.terminate();
    }
    console.log('all ended');
  `);
  assert.deepEqual({ code, output }, { code: 0, output: 'all ended\n' });
});
