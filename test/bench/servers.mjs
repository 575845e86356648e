// The backends of the benchmark, and how its processes are started and ended: each by its own pid.
// One worker each, access log off, connections kept.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

export const EXCHANGE = 'build/bench/exchange';
const START_LIMIT_MS = 5_000;

// HAProxy reserves two descriptors for each connection and does not start when it cannot have them.
const descriptorLimit =
  Number(spawnSync('/bin/bash', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).stdout) || 1 << 20;
export const HAPROXY_CONNECTIONS = Math.min(12_000, (descriptorLimit - 1_000) >> 1);

const children = [];

// Starts a program with as many descriptors as the system allows. `owner` is the process whose CPU
// and memory count.
export function start(command, args, options = {}) {
  const raised = ['-c', 'ulimit -n "$(ulimit -Hn)" 2>/dev/null; exec "$0" "$@"', command, ...args];
  const child = spawn('/bin/bash', raised, { stdio: ['ignore', 'ignore', 'inherit'], ...options });
  const ended = once(child, 'exit');
  ended.catch(() => undefined);
  children.push({ child, ended });
  return child;
}

export async function stop(child) {
  const { ended } = children.find((entry) => entry.child === child);
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGTERM');
    const abort = new AbortController();
    const late = delay(3_000, 'late', { signal: abort.signal }).catch(() => undefined);
    if ((await Promise.race([ended, late])) === 'late') {
      child.kill('SIGKILL');
      await ended;
    }
    abort.abort();
  }
}

export async function stopAll() {
  for (const { child } of [...children].reverse()) await stop(child);
}

// Resolves with the first line of output that matches; rejects when the program ends before.
export async function lineOf(child, pattern) {
  const lines = createInterface({ input: child.stdout });
  const abort = new AbortController();
  const late = delay(START_LIMIT_MS * 2, undefined, { signal: abort.signal }).catch(() => undefined);
  try {
    return await Promise.race([
      new Promise((resolve) => {
        lines.on('line', (line) => {
          const match = pattern.exec(line);
          if (match !== null) resolve(match);
        });
      }),
      once(child, 'exit').then(([code]) => {
        throw new Error(`${child.spawnargs.join(' ')} ended with ${code}`);
      }),
      late.then(() => {
        if (!abort.signal.aborted) throw new Error(`${child.spawnargs.join(' ')}: not ready in time`);
      }),
    ]);
  } finally {
    abort.abort();
  }
}

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

export async function answers(child, port) {
  const end = Date.now() + START_LIMIT_MS;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${child.spawnargs.join(' ')} ended with ${child.exitCode}`);
    const response = await fetch(`http://127.0.0.1:${port}/100B`).catch(() => undefined);
    if (response?.ok && (await response.text()).length === 100) return;
    if (Date.now() > end) throw new Error(`nothing answers on port ${port}`);
    await delay(25);
  }
}

export function nginx(prefix, http) {
  mkdirSync(prefix, { recursive: true });
  writeFileSync(
    join(prefix, 'nginx.conf'),
    `daemon off; master_process off; worker_processes 1; worker_rlimit_nofile 60000; pid nginx.pid;
error_log error.log;
events { worker_connections 40000; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 300; default_type text/plain; types { }
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
${http}
}
`,
  );
  return start('nginx', ['-p', prefix, '-c', 'nginx.conf', '-e', 'error.log']);
}

// Whether something listens: servers of HTTP/2 do not answer `fetch`.
export async function listens(child, port) {
  const end = Date.now() + START_LIMIT_MS;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${child.spawnargs.join(' ')} ended with ${child.exitCode}`);
    const socket = connect(port, '127.0.0.1');
    const there = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (there) return;
    if (Date.now() > end) throw new Error(`nothing listens on port ${port}`);
    await delay(25);
  }
}

export const H1_PATH = '/h1/100B';
const LOCATIONS = `    location /100B { return 200 "${'x'.repeat(100)}"; }
    location ${H1_PATH} { return 200 "${'x'.repeat(100)}"; }
    # One parameter of nginx's configuration holds less than 4 KiB.
    set $kib "${'x'.repeat(1024)}";
    location /10KiB { return 200 "${'$kib'.repeat(10)}"; }`;

export async function startBackend(work) {
  const port = await freePort();
  const server = `  server {\n    listen 127.0.0.1:${port} backlog=4096;\n${LOCATIONS}\n  }`;
  const backend = nginx(join(work, 'backend'), server);
  await answers(backend, port);
  return { child: backend, port };
}

// HTTP/2 with prior knowledge.
export async function startHttp2Backend(work) {
  const port = await freePort();
  const server = `  server {\n    listen 127.0.0.1:${port} http2 backlog=4096;\n${LOCATIONS}\n  }`;
  const backend = nginx(join(work, 'http2-backend'), `  http2_max_concurrent_streams 1000;\n${server}`);
  await listens(backend, port);
  return { child: backend, port };
}

// Answers the unary call GRPC_PATH: one message, and `grpc-status` as a trailer.
export const GRPC_PATH = '/bench.Echo/Unary';
export async function startGrpcBackend(work) {
  const port = await freePort();
  const folder = join(work, 'grpc');
  mkdirSync(join(folder, 'bench.Echo'), { recursive: true });
  writeFileSync(join(folder, GRPC_PATH), grpcMessage(100));
  const child = start('nghttpd', [
    '--no-tls',
    '-d',
    folder,
    '-a',
    '127.0.0.1',
    '--trailer',
    'grpc-status: 0',
    String(port),
  ]);
  await listens(child, port);
  return { child, port };
}

// A message of this length, with its prefix: uncompressed, length.
export function grpcMessage(bytes) {
  const message = Buffer.alloc(5 + bytes, 'x');
  message.writeUInt8(0, 0);
  message.writeUInt32BE(bytes, 1);
  return message;
}

// One server behind many addresses: 127.X.Y.Z with one port.
export const manyAddresses = (count) =>
  Array.from({ length: count }, (_, i) => [127, 1 + (i >> 16), (i >> 8) & 255, i & 255]);
export async function startWideBackend(work, count) {
  const port = await freePort();
  const listening = manyAddresses(count)
    .map((ip) => `    listen ${ip.join('.')}:${port} backlog=64;`)
    .join('\n');
  const backend = nginx(
    join(work, 'wide-backend'),
    `  server {\n    listen 127.0.0.1:${port};\n${listening}\n${LOCATIONS}\n  }`,
  );
  await answers(backend, port);
  return { child: backend, port };
}

// A server of `exchange`: prints its port.
export async function startExchange(mode) {
  const child = start(EXCHANGE, [mode], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [, port] = await lineOf(child, /^port (\d+)$/);
  return { child, port: Number(port) };
}

// CPU of a process and its threads in microseconds.
const TICK_US = 10_000;
export function cpuOf(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

export const residentBytes = (pid) =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
