// What is measured: each work is a client program with its arguments and how to read its report. A
// measurement is {requests, bytes, seconds, p50_us, p99_us}; what does not apply is absent.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { EXCHANGE, GRPC_PATH, H1_PATH } from './servers.mjs';
import { hostName } from './sluice.mjs';

async function output(command, args, limitMs) {
  // The log of `sluice run` is not part of the report.
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, SLUICE_LOG: 'warn' },
    timeout: limitMs,
    killSignal: 'SIGKILL',
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => (text += chunk));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}\n${text}`);
  return text;
}

const UNIT_US = { us: 1, ms: 1e3, s: 1e6 };
const percentile = (text, name) => {
  const match = new RegExp(`^ +${name}% +([\\d.]+)(us|ms|s)$`, 'm').exec(text);
  return match === null ? undefined : Number(match[1]) * UNIT_US[match[2]];
};

export function readWrk(text) {
  const requests = Number(/(\d+) requests in/.exec(text)?.[1] ?? 0);
  const rate = Number(/Requests\/sec: +([\d.]+)/.exec(text)?.[1] ?? 0);
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text);
  const failed =
    Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0) +
    (errors ?? []).slice(1).reduce((sum, count) => sum + Number(count), 0);
  return {
    requests,
    failed,
    seconds: rate === 0 ? 0 : requests / rate,
    p50_us: percentile(text, 50),
    p99_us: percentile(text, 99),
  };
}

export function readH2load(text) {
  const [, seconds] = /^finished in ([\d.]+m?s)/m.exec(text) ?? [];
  const counts = /^requests: \d+ total, \d+ started, (\d+) done, (\d+) succeeded/m.exec(text) ?? [];
  if (seconds === undefined || counts[1] === undefined) throw new Error(`h2load said\n${text}`);
  const succeeded = Number(counts[2]);
  return {
    requests: succeeded,
    failed: Number(counts[1]) - succeeded,
    seconds: Number.parseFloat(seconds) / (seconds.endsWith('ms') ? 1_000 : 1),
  };
}

const http = (
  name,
  { connections, path, headers = [], backend = 'http', warmUp = false, pinned = false, quick = false },
) => ({
  name,
  backend,
  pinned,
  quick,
  warmUp,
  async measure(port, seconds, prefix) {
    const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency'];
    for (const header of headers) args.push('-H', header);
    const [command, ...rest] = [...prefix, 'wrk', ...args, `http://127.0.0.1:${port}${path}`];
    return readWrk(await output(command, rest, (seconds + 30) * 1000));
  },
});

// Connections × streams of each.
const h2 = (name, { connections, streams, backend = 'h2', path = '/100B', grpc = false, quick = false }) => ({
  name,
  backend,
  pinned: false,
  quick,
  async measure(port, seconds, _prefix, { grpcBody }) {
    const args = ['-t1', `-c${connections}`, `-m${streams}`, `-D${seconds}`];
    if (grpc) args.push('-d', grpcBody, '-H', 'content-type: application/grpc', '-H', 'te: trailers');
    args.push(`http://127.0.0.1:${port}${path}`);
    return readH2load(await output('h2load', args, (seconds + 30) * 1000));
  },
});

const ping = (name, { connections, bytes, quick = false, pinned = false }) => ({
  name,
  backend: 'echo',
  pinned,
  quick,
  async measure(port, seconds, prefix) {
    const [command, ...rest] = [...prefix, EXCHANGE, 'ping', port, connections, bytes, seconds].map(String);
    const report = JSON.parse(await output(command, rest, (seconds + 30) * 1000));
    return { requests: report.count, seconds: report.seconds, p50_us: report.p50_us, p99_us: report.p99_us };
  },
});

const bulk = (name, { chunk, quick = false }) => ({
  name,
  backend: 'sink',
  pinned: false,
  quick,
  async measure(port, seconds) {
    const report = JSON.parse(
      await output(EXCHANGE, ['bulk', port, chunk, seconds].map(String), (seconds + 30) * 1000),
    );
    return { bytes: report.bytes, seconds: report.seconds };
  },
});

export const WORKS = [
  http('http1-c1-100B', { connections: 1, path: '/100B', pinned: true }),
  http('http1-c16-100B', { connections: 16, path: '/100B' }),
  http('http1-c64-100B', { connections: 64, path: '/100B', quick: true }),
  http('http1-c64-10KiB', { connections: 64, path: '/10KiB' }),
  http('http1-new-c16-100B', { connections: 16, path: '/100B', headers: ['Connection: close'] }),
  h2('h2-c10-m10-100B', { connections: 10, streams: 10, quick: true }),
  h2('h2-c50-m1-100B', { connections: 50, streams: 1, quick: true }),
  h2('h2-c10-m100-100B', { connections: 10, streams: 100, quick: true }),
  http('http1-to-h2-c64-100B', { connections: 64, path: '/100B', backend: 'h1h2' }),
  h2('h2-to-http1-c10-m10-100B', { connections: 10, streams: 10, backend: 'h2h1', path: H1_PATH }),
  h2('grpc-unary-c10-m10-100B', {
    connections: 10,
    streams: 10,
    backend: 'grpc',
    path: GRPC_PATH,
    grpc: true,
  }),
  ...[10, 1_000].map((hosts) =>
    http(`http1-routes-${hosts}`, {
      connections: 64,
      path: '/100B',
      backend: `routes-${hosts}`,
      headers: [`Host: ${hostName(hosts - 1)}`],
    }),
  ),
  ...[10, 10_000].map((count) =>
    http(`http1-endpoints-${count}`, {
      connections: 64,
      path: '/100B',
      backend: `endpoints-${count}`,
      warmUp: true,
    }),
  ),
  ping('tcp-exchange-c1-100B', { connections: 1, bytes: 100, pinned: true }),
  ping('tcp-exchange-c16-100B', { connections: 16, bytes: 100, quick: true }),
  bulk('tcp-bulk-64KiB', { chunk: 64 * 1024, quick: true }),
];

export async function measureConnects(port, seconds, prefix = []) {
  const [command, ...rest] = [...prefix, EXCHANGE, 'connect', port, seconds].map(String);
  const text = await output(command, rest, (seconds + 30) * 1000);
  // Under a wrapper the report is the last line.
  return JSON.parse(text.trim().split('\n').at(-1));
}
