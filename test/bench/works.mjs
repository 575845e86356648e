// What is measured: each work is a client program with its arguments and how to read its report. A
// measurement is {requests, bytes, seconds, p50_us, p99_us}; what does not apply is absent.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { EXCHANGE } from './servers.mjs';

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

const http = (name, { connections, path, headers = [], pinned = false, quick = false }) => ({
  name,
  backend: 'http',
  pinned,
  quick,
  async measure(port, seconds, prefix) {
    const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency'];
    for (const header of headers) args.push('-H', header);
    const [command, ...rest] = [...prefix, 'wrk', ...args, `http://127.0.0.1:${port}${path}`];
    return readWrk(await output(command, rest, (seconds + 30) * 1000));
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
