// Records sluice with perf while a work of the benchmark runs, and draws a flame graph of what it recorded.
// Called by scripts/profile. Usage: node test/bench/profile.mjs [--work NAME] [--seconds N] [--frequency N]
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { flameGraph, foldStacks } from './flame-graph.mjs';
import {
  grpcMessage,
  startBackend,
  startExchange,
  startGrpcBackend,
  startHttp2Backend,
  startWideBackend,
  stopAll,
} from './servers.mjs';
import { scalePlaces, startPlace, startSluice } from './sluice.mjs';
import { WORKS } from './works.mjs';

const OUTPUT = 'build/profile';
const PERF_BYTES = 1 << 30;

const { values: options } = parseArgs({
  options: {
    work: { type: 'string', default: 'http1-c64-100B' },
    seconds: { type: 'string', default: '5' },
    frequency: { type: 'string', default: '999' },
  },
});
const one = WORKS.find(({ name }) => name === options.work);
if (one === undefined) {
  console.error(`profile: no such work; there are ${WORKS.map(({ name }) => name).join(', ')}`);
  process.exit(64);
}
const seconds = Number(options.seconds);
const folder = mkdtempSync(join(tmpdir(), 'sluice-profile-'));

async function startProxy() {
  const { port: http } = await startBackend(folder);
  const scale = scalePlaces({ http, wide: 0 }).find(({ name }) => name === one.backend);
  if (scale !== undefined) {
    const { port: wide } = await startWideBackend(folder, scale.endpoints.length);
    return startPlace(
      folder,
      scalePlaces({ http, wide }).find(({ name }) => name === one.backend),
    );
  }
  const ports = { http };
  for (const name of ['echo', 'sink']) ports[name] = (await startExchange(name)).port;
  ports.h2 = (await startHttp2Backend(folder)).port;
  ports.grpc = (await startGrpcBackend(folder)).port;
  return startSluice(folder, ports);
}

async function record(pid) {
  const file = join(folder, 'perf.data');
  // Frame pointers are everywhere in the build; virtual machines often have no hardware counters.
  const perf = spawn(
    'perf',
    [
      'record',
      '-q',
      '-e',
      'cpu-clock',
      '-F',
      options.frequency,
      '--call-graph',
      'fp',
      '-p',
      String(pid),
      '-o',
      file,
    ].concat('--', 'sleep', String(seconds)),
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const [code] = await once(perf, 'exit');
  if (code !== 0) throw new Error(`perf record ended with ${code}`);
  return file;
}

function script(file) {
  const { status, stdout, stderr } = spawnSync('perf', ['script', '-i', file, '-F', 'comm,ip,sym'], {
    encoding: 'utf8',
    maxBuffer: PERF_BYTES,
  });
  if (status !== 0) throw new Error(`perf script ended with ${status}\n${stderr}`);
  return stdout;
}

async function main() {
  const sluice = await startProxy();
  const grpcBody = join(folder, 'grpc-body');
  writeFileSync(grpcBody, grpcMessage(100));
  // The load begins before the recording and ends after it.
  const load = one.measure(sluice.ports[one.backend], seconds + 2, [], { grpcBody });
  load.catch(() => undefined);
  const file = await record(sluice.child.pid);
  const { requests, bytes, seconds: took } = await load;
  const stacks = foldStacks(script(file));
  const samples = [...stacks.values()].reduce((sum, count) => sum + count, 0);
  if (samples === 0) throw new Error('perf took no sample: may it be used here?');
  const rate =
    requests === undefined
      ? `${(bytes / took / 1e9).toFixed(2)} GB/s`
      : `${Math.round(requests / took).toLocaleString('en-US')} requests/s`;
  const title = `sluice, ${one.name}: ${samples} samples in ${seconds} s, ${rate}`;
  mkdirSync(OUTPUT, { recursive: true });
  const page = join(OUTPUT, `${one.name}.html`);
  writeFileSync(page, flameGraph(title, stacks));
  console.log(`${title}\nflame graph: ${page}`);
}

try {
  await main();
} finally {
  await stopAll();
  rmSync(folder, { recursive: true, force: true });
}
