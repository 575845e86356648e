// What a proxy costs beside requests: memory at rest and with idle connections, what the eBPF hooks
// add to a connect, and how long `sluice run` takes around a command that does nothing.
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  EXCHANGE,
  HAPROXY_CONNECTIONS,
  lineOf,
  residentBytes,
  start,
  startExchange,
  stop,
} from './servers.mjs';
import { measureConnects } from './works.mjs';

const SLUICE = 'dist/src/main.js';
const IDLE_CONNECTIONS = 10_000;
const START_ROUNDS = 7;
const CONNECT_ROUNDS = 5;
const MIB = 1 << 20;

const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const mib = (bytes) => `${(bytes / MIB).toFixed(1)} MiB`;

// Growth of the proxy itself by idle keep-alive connections, each of which has made one request.
export async function measureMemory(vias, say) {
  const rows = [];
  for (const [via, { child, ports }] of Object.entries(vias)) {
    if (child === undefined || ports.http === undefined) continue;
    if (via === 'haproxy' && HAPROXY_CONNECTIONS < IDLE_CONNECTIONS) {
      say(`haproxy may not have the descriptors for ${IDLE_CONNECTIONS} connections here: left out`);
      continue;
    }
    const before = residentBytes(child.pid);
    const clients = start(EXCHANGE, ['idle', String(ports.http), String(IDLE_CONNECTIONS)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await lineOf(clients, /^ready$/);
    const after = residentBytes(child.pid);
    await stop(clients);
    const each = (after - before) / IDLE_CONNECTIONS;
    rows.push({
      work: `memory-${IDLE_CONNECTIONS}-idle`,
      via,
      resident_before_bytes: before,
      resident_after_bytes: after,
      bytes_per_connection: each,
      text: `${mib(before)} + ${mib(after - before)} (${Math.round(each)} B each)`,
    });
  }
  if (existsSync(SLUICE)) {
    const run = start(process.execPath, [SLUICE, 'run', '--', '/bin/sh', '-c', 'echo ready; read -r _'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    await lineOf(run, /^ready$/);
    const resident = residentBytes(run.pid);
    await stop(run);
    rows.push({ work: 'memory-idle', via: 'sluice run', resident_bytes: resident, text: mib(resident) });
  }
  return rows;
}

// The hooks run for every connect of the command, also for those they let pass: this is their cost.
export async function measureHook(work, say) {
  const config = join(work, 'skip.yaml');
  const { child, port: target } = await startExchange('echo');
  writeFileSync(config, `skip: { ports: [${target}] }\n`);
  const doctor = spawnSync(process.execPath, [SLUICE, 'doctor', '--json'], {
    encoding: 'utf8',
    timeout: 10_000,
  });
  if (doctor.status !== 0 || JSON.parse(doctor.stdout).plan.rung !== 1) {
    say('no eBPF here: its cost per connect is not measured');
    await stop(child);
    return [];
  }
  const plain = [];
  const hooked = [];
  for (let round = 0; round < CONNECT_ROUNDS; round++) {
    plain.push((await measureConnects(target, 1)).p50_us);
    hooked.push(
      (await measureConnects(target, 1, [process.execPath, SLUICE, 'run', '--config', config, '--'])).p50_us,
    );
  }
  await stop(child);
  const added = middle(hooked) - middle(plain);
  return [
    { work: 'connect', via: 'direct', p50_us: middle(plain), text: `p50 ${middle(plain).toFixed(1)} µs` },
    {
      work: 'connect',
      via: 'sluice run, skipped port',
      p50_us: middle(hooked),
      text: `p50 ${middle(hooked).toFixed(1)} µs (${added >= 0 ? '+' : ''}${added.toFixed(1)} µs)`,
    },
  ];
}

export function measureStart(say) {
  const time = (command, args) => {
    const started = process.hrtime.bigint();
    const { status, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: 20_000 });
    if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}\n${stderr}`);
    return Number(process.hrtime.bigint() - started) / 1e6;
  };
  if (!existsSync(SLUICE)) {
    say('sluice is not built: its start is not measured');
    return [];
  }
  const alone = [];
  const wrapped = [];
  for (let round = 0; round < START_ROUNDS; round++) {
    alone.push(time('true', []));
    wrapped.push(time(process.execPath, [SLUICE, 'run', '--', 'true']));
  }
  const added = middle(wrapped) - middle(alone);
  return [{ work: 'start', via: 'sluice run -- true', added_ms: added, text: `adds ${added.toFixed(0)} ms` }];
}
