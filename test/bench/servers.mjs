// The servers of the benchmark: the backend, nginx, HAProxy and sluice, each with one worker, access
// log off, connections to the backend kept. Every process is ended by its own pid.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

export const EXCHANGE = 'build/bench/exchange';
export const SLUICE_BENCH = 'build/native-release/sluice_bench';
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

async function answers(child, port) {
  const end = Date.now() + START_LIMIT_MS;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${child.spawnargs.join(' ')} ended with ${child.exitCode}`);
    const response = await fetch(`http://127.0.0.1:${port}/100B`).catch(() => undefined);
    if (response?.ok && (await response.text()).length === 100) return;
    if (Date.now() > end) throw new Error(`nothing answers on port ${port}`);
    await delay(25);
  }
}

function nginx(prefix, http) {
  mkdirSync(prefix, { recursive: true });
  writeFileSync(
    join(prefix, 'nginx.conf'),
    `daemon off; master_process off; worker_processes 1; worker_rlimit_nofile 20000; pid nginx.pid;
error_log error.log;
events { worker_connections 16384; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 300; default_type text/plain; types { }
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
${http}
}
`,
  );
  return start('nginx', ['-p', prefix, '-c', 'nginx.conf', '-e', 'error.log']);
}

export async function startBackend(work) {
  const port = await freePort();
  const backend = nginx(
    join(work, 'backend'),
    `  server {
    listen 127.0.0.1:${port} backlog=4096;
    location /100B { return 200 "${'x'.repeat(100)}"; }
    # One parameter of nginx's configuration holds less than 4 KiB.
    set $kib "${'x'.repeat(1024)}";
    location /10KiB { return 200 "${'$kib'.repeat(10)}"; }
  }`,
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

async function startNginx(work, { http }) {
  const port = await freePort();
  const child = nginx(
    join(work, 'nginx'),
    `  upstream backend { server 127.0.0.1:${http}; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / { proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering on; }
  }`,
  );
  await answers(child, port);
  return { child, ports: { http: port } };
}

async function startHaproxy(work, { http, echo, sink }) {
  const ports = { http: await freePort(), echo: await freePort(), sink: await freePort() };
  const file = join(work, 'haproxy.cfg');
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn ${HAPROXY_CONNECTIONS}
  maxpipes 64
defaults
  timeout connect 5s
  timeout client 300s
  timeout server 300s
  timeout http-keep-alive 300s
frontend http
  mode http
  bind 127.0.0.1:${ports.http} backlog 4096
  default_backend http
backend http
  mode http
  http-reuse always
  server one 127.0.0.1:${http}
listen echo
  mode tcp
  bind 127.0.0.1:${ports.echo}
  server one 127.0.0.1:${echo}
listen sink
  mode tcp
  option splice-auto
  bind 127.0.0.1:${ports.sink}
  server one 127.0.0.1:${sink}
`,
  );
  const child = start('haproxy', ['-db', '-f', file]);
  await answers(child, ports.http);
  return { child, ports };
}

const LOOPBACK = 'ip: "\\177\\000\\000\\001"';

// One worker, one listener, one destination and one target per backend.
export function sluiceSnapshot(backends) {
  const settings = `settings {
  workers: 1
  poller: POLLER_EPOLL
  tcp {
    keepalive_ms: 10000 user_timeout_ms: 30000 half_close_timeout_ms: 60000
    discovery_timeout_ms: 5000 accept_batch: 64
  }
  http { max_head_bytes: 65536 max_fields: 256 request_head_timeout_ms: 60000 client_idle_timeout_ms: 300000 }
  buffers { direction_budget_bytes: 1048576 splice_threshold_bytes: 65536 total_budget_bytes: 1073741824 }
  metrics {
    latency_bounds_ms: [1, 2, 3, 4, 5, 10, 20, 30, 40, 50, 100, 200, 300, 400, 500, 1000, 2000, 5000, 10000]
    duration_bounds_ms: [1, 10, 100, 1000, 10000, 60000]
    max_series_per_worker: 4096
  }
  log_level: LOG_WARN
}
`;
  const commands = backends.map(
    ({ protocol, port }, index) => `commands {
  put_target {
    id: ${index + 1} kind: BALANCE authority: "${protocol.toLowerCase()}.bench"
    connect_timeout_ms: 1000 fail_fast_timeout_ms: 3000 queue_capacity: 10000
    pool_idle_timeout_ms: 60000 pool_max_idle: 256
    ewma_default_rtt_ms: 30 ewma_decay_ms: 10000 backoff_min_ms: 100 backoff_max_ms: 10000 backoff_jitter: 0.5
  }
}
commands {
  update_endpoints { target_id: ${index + 1} reset: true add { address { ${LOOPBACK} port: ${port} } weight: 1 } }
}
commands {
  put_destination {
    id: ${index + 1} direction: OUTBOUND protocol: ${protocol} detect_timeout_ms: 10000 target_id: ${index + 1}
  }
}
commands {
  listen {
    id: ${index + 1} direction: OUTBOUND address { ${LOOPBACK} } source: SOURCE_FIXED destination_id: ${index + 1}
  }
}
`,
  );
  return settings + commands.join('');
}

async function startSluice(work, { http, echo, sink }) {
  const file = join(work, 'sluice.textproto');
  writeFileSync(
    file,
    sluiceSnapshot([
      { protocol: 'HTTP1', port: http },
      { protocol: 'OPAQUE', port: echo },
      { protocol: 'OPAQUE', port: sink },
    ]),
  );
  const child = start(SLUICE_BENCH, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ports = {};
  const names = ['http', 'echo', 'sink'];
  // One line per listener, in the order of the snapshot.
  await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const match = /^listening (\d+) .*:(\d+)$/.exec(line);
      if (match === null) return;
      ports[names[Number(match[1]) - 1]] = Number(match[2]);
      if (Object.keys(ports).length === names.length) resolve();
    });
    child.once('exit', (code) => reject(new Error(`sluice_bench ended with ${code}`)));
  });
  await answers(child, ports.http);
  return { child, ports };
}

// Every proxy that can be started here, by the name it has in the results.
export async function startProxies(work, backends, say) {
  const makers = { nginx: startNginx, haproxy: startHaproxy, sluice: startSluice };
  const proxies = {};
  for (const [name, make] of Object.entries(makers)) {
    if (name === 'sluice' && !existsSync(SLUICE_BENCH)) {
      say(`${SLUICE_BENCH} is not there: sluice is left out`);
      continue;
    }
    try {
      proxies[name] = await make(work, backends);
    } catch (error) {
      say(`${name} is left out: ${error.message}`);
    }
  }
  return proxies;
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
