#!/usr/bin/env node
// The demo itself; scripts/demo sets up and builds before it. Starts the replicas, writes the mesh
// file, runs examples/demo/workload.sh under `sluice run`, changes the world while it runs, and
// prints what happened. Exits 1 when what it shows is not what it promises.
// Usage: node scripts/demo.mjs [--no-ebpf]
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const SLUICE = join(ROOT, 'dist/src/main.js');
const TIME_LIMIT_MS = 55_000;
const LOAD_SECONDS = 8;
const WEB_ADDRESS = '10.77.0.10';
const ECHO_ADDRESS = '10.77.0.11';
const REPLICAS = ['a', 'b', 'c'];

const withoutEbpf = process.argv.includes('--no-ebpf');
const work = mkdtempSync(join(tmpdir(), 'sluice-demo-'));
const children = [];
const problems = [];
const say = (text) => console.log(`demo: ${text}`);
const check = (condition, problem) => {
  if (!condition) problems.push(problem);
};

// ---------------------------------------------------------------- processes

function start(name, command, args, options = {}) {
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'], ...options });
  const entry = { name, child, ended: once(child, 'exit') };
  entry.ended.catch(() => undefined);
  children.push(entry);
  return entry;
}

// By pid, only what this demo started, in reverse order. sluice gets time to clean up after itself.
async function stopAll() {
  for (const { child, ended } of children.reverse()) {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) continue;
    child.kill('SIGTERM');
    const abort = new AbortController();
    const patience = delay(5_000, 'late', { signal: abort.signal }).catch(() => undefined);
    if ((await Promise.race([ended, patience])) === 'late') {
      child.kill('SIGKILL');
      await ended;
    }
    abort.abort();
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

// Polls a fact until it is true. The facts here belong to other programs and announce nothing.
async function until(what, limitMs, fact) {
  const end = Date.now() + limitMs;
  for (;;) {
    if (await fact()) return;
    if (Date.now() > end) throw new Error(`${what}: not within ${limitMs} ms`);
    await delay(25);
  }
}

// ---------------------------------------------------------------- the world outside the mesh

async function startReplica(name) {
  const port = await freePort();
  const prefix = join(work, `nginx-${name}`);
  mkdirSync(prefix);
  writeFileSync(
    join(prefix, 'nginx.conf'),
    `daemon off; master_process off; worker_processes 1; pid nginx.pid; error_log error.log;
events { worker_connections 1024; }
http {
  log_format one 1;
  access_log access.log one;
  keepalive_requests 1000000;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  server {
    listen 127.0.0.1:${port};
    location / { add_header X-Replica ${name}; return 200 "replica ${name}\\n"; }
  }
}
`,
  );
  const { child } = start(`nginx ${name}`, 'nginx', ['-p', prefix, '-c', 'nginx.conf', '-e', 'error.log']);
  const log = join(prefix, 'access.log');
  // Each request is one line of one character.
  const requests = () => statSync(log).size / 2;
  await until(`nginx ${name}`, 5_000, async () => {
    if (child.exitCode !== null)
      throw new Error(`nginx ${name} ended: ${readFileSync(join(prefix, 'error.log'))}`);
    return fetch(`http://127.0.0.1:${port}/`).then(
      (response) => response.ok,
      () => false,
    );
  });
  const before = requests();
  return { name, port, child, requests: () => requests() - before };
}

async function startEcho() {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

// Replaces the file as editors do, by rename.
function writeMesh(path, { replicas, echoPort, forwards }) {
  const listed = replicas.map(
    ({ name, port }) => `      - { address: 127.0.0.1:${port}, labels: { replica: ${name} } }`,
  );
  const text = `services:
  web:
    names: [web.mesh]
    addresses: [${WEB_ADDRESS}]
    ports: [{ port: 80, protocol: http1 }]
    endpoints:
${listed.join('\n')}
  echo:
    names: [echo.mesh]
    addresses: [${ECHO_ADDRESS}]
    ports: [{ port: 7000, protocol: opaque }]
    endpoints: [127.0.0.1:${echoPort}]
${
  forwards === undefined
    ? ''
    : `forwards:
  - { listen: 127.0.0.1:${forwards.web}, to: web:80 }
  - { listen: 127.0.0.1:${forwards.echo}, to: echo:7000 }
`
}`;
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

// ---------------------------------------------------------------- what was there before and after

const bpftool = (...args) => {
  const result = spawnSync('bpftool', ['-j', ...args], { encoding: 'utf8' });
  return result.status === 0 && result.stdout.trim() !== '' ? JSON.parse(result.stdout) : undefined;
};
const linksOf = (cgroupId) => (bpftool('link', 'show') ?? []).filter((link) => link.cgroup_id === cgroupId);

// The mount point of cgroup v2, wherever it is.
function cgroupMount() {
  try {
    const line = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .find((text) => text.includes(' - cgroup2 '));
    return line?.split(' ')[4];
  } catch {
    return undefined;
  }
}
const inodeOf = (path) => statSync(path, { throwIfNoEntry: false })?.ino;

// ---------------------------------------------------------------- reports of others

const fromWrk = (text) => {
  const time = (name) => {
    const match = new RegExp(`^ +${name}% +([\\d.]+)(us|ms|s)$`, 'm').exec(text);
    if (match === null) return undefined;
    return Number(match[1]) * { us: 0.001, ms: 1, s: 1000 }[match[2]];
  };
  const socketErrors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text);
  const refused = Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0);
  return {
    requests: Number(/(\d+) requests in/.exec(text)?.[1] ?? 0),
    errors: refused + (socketErrors ?? []).slice(1).reduce((sum, count) => sum + Number(count), 0),
    p50: time(50),
    p99: time(99),
  };
};

// Sum of a family of the text format over all its series whose labels contain the given text.
function sumOf(page, family, labels = '') {
  let sum = 0;
  for (const line of page.split('\n')) {
    if (line.startsWith(`${family}{`) && line.includes(labels))
      sum += Number(line.slice(line.lastIndexOf(' ') + 1));
  }
  return sum;
}

const number = (value) => value.toLocaleString('en-US');
const milliseconds = (value) => (value === undefined ? '-' : `${value.toFixed(2)} ms`);
const bytes = (value) => (value >= 1 << 20 ? `${(value / (1 << 20)).toFixed(1)} MiB` : `${number(value)} B`);

function printTable(head, rows) {
  const widths = head.map((cell, column) =>
    Math.max(cell.length, ...rows.map((row) => String(row[column]).length)),
  );
  const line = (row) =>
    console.log(
      `  ${row.map((cell, i) => (i === 0 ? String(cell).padEnd(widths[i]) : String(cell).padStart(widths[i]))).join('  ')}`,
    );
  console.log('');
  line(head);
  for (const row of rows) line(row);
}

// ---------------------------------------------------------------- the story

async function rungOfHost() {
  if (withoutEbpf) return 3;
  const { stdout } = spawnSync(process.execPath, [SLUICE, 'doctor', '--json'], {
    encoding: 'utf8',
    timeout: 10_000,
  });
  const { rung } = JSON.parse(stdout).plan;
  return typeof rung === 'number' ? rung : 3;
}

async function main() {
  const rung = await rungOfHost();
  if (rung === 1) say('rung 1: connections are captured with eBPF');
  else {
    const why = withoutEbpf ? 'without eBPF, as asked' : 'no rights for eBPF here (sluice doctor says why)';
    say(`${why}: rung 3, explicit forwarding listeners and the HTTP proxy`);
  }
  const captured = rung === 1;

  const replicas = [];
  for (const name of REPLICAS) replicas.push(await startReplica(name));
  const [a, b, c] = replicas;
  const echo = await startEcho();
  const forwards = captured ? undefined : { web: await freePort(), echo: await freePort() };
  const meshFile = join(work, 'mesh.yaml');
  const mesh = (wanted) => writeMesh(meshFile, { replicas: wanted, echoPort: echo.address().port, forwards });
  mesh(replicas);
  say(`three nginx replicas; web.mesh is ${WEB_ADDRESS}, where nobody listens`);

  const admin = `127.0.0.1:${await freePort()}`;
  const sluice = start(
    'sluice',
    process.execPath,
    [
      SLUICE,
      'run',
      ...['--config', meshFile, '--admin', admin],
      ...(captured ? [] : ['--no-ebpf']),
      '--',
      join(ROOT, 'examples/demo/workload.sh'),
    ],
    {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        ...process.env,
        DEMO_DIR: work,
        DEMO_WEB: captured ? 'web.mesh:80' : `127.0.0.1:${forwards.web}`,
        DEMO_ECHO: captured ? 'echo.mesh:7000' : `127.0.0.1:${forwards.echo}`,
        // By the hosts file of the command's own, or by the HTTP proxy.
        DEMO_URL: 'http://web.mesh',
        DEMO_WEB_ADDRESS: `${WEB_ADDRESS}:80`,
        DEMO_ECHO_ADDRESS: `${ECHO_ADDRESS}:7000`,
        DEMO_LOAD_SECONDS: String(LOAD_SECONDS),
      },
    },
  );
  let log = '';
  sluice.child.stderr.setEncoding('utf8').on('data', (text) => (log += text));
  const events = new Map();
  const wait = new Map();
  createInterface({ input: sluice.child.stdout }).on('line', (line) => {
    const [kind, name, value = ''] = line.split(' ');
    if (kind !== 'event') return void console.log(line);
    events.set(name, value);
    wait.get(name)?.();
  });
  const event = (name) =>
    new Promise((resolve, reject) => {
      if (events.has(name)) resolve(events.get(name));
      else wait.set(name, () => resolve(events.get(name)));
      sluice.ended.then(
        ([code]) => reject(new Error(`sluice ended (${code}) before "${name}"\n${log}`)),
        reject,
      );
    });

  const mount = cgroupMount();
  const cgroup = mount === undefined ? undefined : join(mount, await event('cgroup'));
  const cgroupId = captured ? inodeOf(cgroup) : undefined;
  const links = cgroupId === undefined ? [] : linksOf(cgroupId);

  await event('load-started');
  say('load runs: 16 connections');
  await delay(1_000);
  const shares = replicas.map((replica) => replica.requests());

  const edited = Date.now();
  mesh([a, b]);
  // Quiet for a while: then the edit is in force, and what was under way has ended.
  let last = c.requests();
  let lastChange = Date.now();
  await until('replica c left out', 5_000, () => {
    if (c.requests() !== last) [last, lastChange] = [c.requests(), Date.now()];
    return Date.now() - lastChange > 250;
  });
  say(`replica c taken out of the file: its last request came ${lastChange - edited} ms later`);
  const whileRemoved = c.requests();
  await delay(1_000);
  const removedRequests = c.requests() - whileRemoved;
  check(removedRequests === 0, `${removedRequests} requests reached replica c after it was removed`);

  const added = Date.now();
  mesh(replicas);
  await until('replica c back', 5_000, () => c.requests() > whileRemoved);
  say(`replica c put back: first request after ${Date.now() - added} ms`);
  await delay(1_000);
  b.child.kill('SIGKILL');
  say('replica b killed without warning (SIGKILL)');

  await event('load-done');
  const page = await (await fetch(`http://${admin}/metrics`)).text();
  const routes = await (await fetch(`http://${admin}/routes.json`)).json();
  sluice.child.stdin.end('finish\n');
  const [code] = await sluice.ended;
  check(code === 0, `sluice run ended with ${code}:\n${log}`);
  echo.close();

  // What it shows.
  const wrk = fromWrk(readFileSync(join(work, 'wrk.txt'), 'utf8'));
  const python = JSON.parse(readFileSync(join(work, 'http-client.json'), 'utf8'));
  const raw = JSON.parse(readFileSync(join(work, 'raw-tcp.json'), 'utf8'));
  const curls = readFileSync(join(work, 'curl.txt'), 'utf8').trim().split('\n');
  check(wrk.requests > 1000, `wrk made only ${wrk.requests} requests`);
  check(wrk.errors === 0, `wrk saw ${wrk.errors} errors`);
  check(python.errors === 0, `http.client saw ${python.errors} errors`);
  check(raw.errors === 0, 'the raw TCP client did not get its bytes back');
  check(
    curls.length === 3 && curls.every((line) => line.startsWith('replica ')),
    `curl printed ${curls.join(' | ')}`,
  );
  printTable(
    ['client', 'requests', 'errors', 'p50', 'p99', 'bytes'],
    [
      ['curl', curls.length, 0, '-', '-', '-'],
      [
        'python http.client',
        python.requests,
        python.errors,
        milliseconds(python.p50_ms),
        milliseconds(python.p99_ms),
        bytes(python.bytes),
      ],
      ['wrk', number(wrk.requests), wrk.errors, milliseconds(wrk.p50), milliseconds(wrk.p99), '-'],
      ['raw TCP, echoed', 1, raw.errors, '-', '-', bytes(raw.bytes)],
    ],
  );
  const fate = { a: '', b: 'killed', c: 'removed, added back' };
  printTable(
    ['replica', 'requests', 'in the 1st second', 'fate'],
    replicas.map((replica, i) => [
      replica.name,
      number(replica.requests()),
      number(shares[i]),
      fate[replica.name],
    ]),
  );
  replicas.forEach((replica, i) => check(shares[i] > 0, `replica ${replica.name} got no request`));

  const outbound = 'direction="outbound"';
  const replays = sumOf(page, 'sluice_request_replays_total', outbound);
  printTable(
    ['seen by sluice (/metrics, outbound)', ''],
    [
      ['requests', number(sumOf(page, 'request_total', outbound))],
      ['responses classified as failures', number(sumOf(page, 'response_total', 'classification="failure"'))],
      ['requests replayed on another connection', number(replays)],
      ['bytes read from clients', bytes(sumOf(page, 'tcp_read_bytes_total', 'peer="src"'))],
      ['bytes written to clients', bytes(sumOf(page, 'tcp_write_bytes_total', 'peer="src"'))],
    ],
  );
  const hooks = routes.capture?.hooks ?? links.map((link) => link.attach_type);
  console.log(`\n  rung ${rung}${captured ? `, hooks: ${hooks.join(', ')}` : ''}`);
  if (captured) check(hooks.length > 0, 'no hook was attached');

  // What it leaves.
  if (cgroupId !== undefined) {
    check(inodeOf(cgroup) !== cgroupId, `the cgroup ${cgroup} is still there`);
    check(linksOf(cgroupId).length === 0, 'an eBPF link is still attached');
  }
  if (problems.length === 0)
    console.log('  left behind: nothing (no cgroup, no eBPF link, no process, no file)\n');
}

const limit = setTimeout(() => {
  problems.push(`not finished after ${TIME_LIMIT_MS / 1000} s`);
  void finish();
}, TIME_LIMIT_MS);
let finishing;
function finish() {
  finishing ??= (async () => {
    clearTimeout(limit);
    await stopAll();
    rmSync(work, { recursive: true, force: true });
    for (const problem of problems) console.error(`demo: FAILED: ${problem}`);
    process.exit(problems.length === 0 ? 0 : 1);
  })();
  return finishing;
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    problems.push(`interrupted by ${signal}`);
    void finish();
  });
}
try {
  await main();
} catch (error) {
  problems.push(error instanceof Error ? error.message : String(error));
}
await finish();
