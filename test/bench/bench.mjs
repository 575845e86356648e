// The benchmark: starts backends and proxies, runs every work against each in alternating rounds,
// takes medians, writes build/bench.json and prints the table. scripts/bench builds what it needs.
// Usage: node test/bench/bench.mjs [--quick] [--only WORK[,WORK…]] [--rounds N] [--seconds N]
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { measureHook, measureMemory, measureStart } from './footprint.mjs';
import { printFootprint, printScale, printTable } from './report.mjs';
import { startHaproxy, startNghttpx, startNginx } from './peers.mjs';
import {
  cpuOf,
  grpcMessage,
  startBackend,
  startExchange,
  startGrpcBackend,
  startHttp2Backend,
  startWideBackend,
  stop,
  stopAll,
} from './servers.mjs';
import { scalePlaces, SLUICE_BENCH, startPlace, startSluice } from './sluice.mjs';
import { WORKS } from './works.mjs';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
  },
});
const rounds = Number(options.rounds ?? (options.quick ? 2 : 5));
const seconds = Number(options.seconds ?? (options.quick ? 1 : 3));
const only = options.only?.split(',');
const works = WORKS.filter(({ name, quick }) => only?.includes(name) ?? (!options.quick || quick));

const say = (text) => console.log(`bench: ${text}`);
const work = mkdtempSync(join(tmpdir(), 'sluice-bench-'));

const median = (values) => {
  const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  if (sorted.length === 0) return null;
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

// With one connection the parties take turns, and waking another processor costs more than the work.
// So all of them share one: latency is then the sum of the work.
function pin(processes, processor) {
  const mask = processor === undefined ? `0-${availableParallelism() - 1}` : String(processor);
  for (const { pid } of processes)
    spawnSync('taskset', ['-a', '-p', '-c', mask, String(pid)], { stdio: 'ignore' });
}

const grpcBody = join(work, 'grpc-body');
writeFileSync(grpcBody, grpcMessage(100));
const WARM_UP_SECONDS = 2;

async function runWork({ name, backend, pinned, measure, warmUp = false }, vias, backends) {
  const usable = Object.entries(vias).filter(([, via]) => via.ports[backend] !== undefined);
  const samples = new Map(usable.map(([via]) => [via, []]));
  const canPin = pinned && availableParallelism() > 1;
  const parties = [...Object.values(backends), ...usable.map(([, via]) => via.child)].filter(
    (child) => child !== undefined,
  );
  if (canPin) pin(parties, 0);
  if (warmUp) {
    for (const [, { ports }] of usable) await measure(ports[backend], WARM_UP_SECONDS, [], { grpcBody });
  }
  for (let round = 0; round < rounds; round++) {
    // Rotated, so that none always runs behind the same neighbour.
    for (let turn = 0; turn < usable.length; turn++) {
      const [via, { child, ports }] = usable[(turn + round) % usable.length];
      const owner = child ?? backends[backend];
      const before = cpuOf(owner.pid);
      try {
        const result = await measure(ports[backend], seconds, canPin ? ['taskset', '-c', '0'] : [], {
          grpcBody,
        });
        samples.get(via).push({ ...result, cpu_us: cpuOf(owner.pid) - before });
      } catch (error) {
        say(`${name} via ${via}, round ${round + 1}: ${error.message}`);
      }
    }
  }
  if (canPin) pin(parties);
  return usable.map(([via]) => {
    const results = samples.get(via);
    const over = (figure) => median(results.map(figure));
    const MIB = 1 << 20;
    return {
      work: name,
      via,
      requests_per_second: over((r) => (r.requests === undefined ? undefined : r.requests / r.seconds)),
      bytes_per_second: over((r) => (r.bytes === undefined ? undefined : r.bytes / r.seconds)),
      cpu_us_per_request: over((r) => (r.requests === undefined ? undefined : r.cpu_us / r.requests)),
      cpu_us_per_mib: over((r) => (r.bytes === undefined ? undefined : r.cpu_us / (r.bytes / MIB))),
      p50_us: over((r) => r.p50_us),
      p99_us: over((r) => r.p99_us),
      failed: results.reduce((sum, r) => sum + (r.failed ?? 0), 0),
      rounds: results.length,
    };
  });
}

// Every proxy that can be started here, by the name it has in the results.
async function startProxies(ports) {
  const makers = { nginx: startNginx, haproxy: startHaproxy, nghttpx: startNghttpx, sluice: startSluice };
  // HAProxy is the faster peer in HTTP/2.
  if (options.quick) delete makers.nghttpx;
  const proxies = {};
  for (const [name, make] of Object.entries(makers)) {
    try {
      proxies[name] = await make(work, ports);
    } catch (error) {
      say(`${name} is left out: ${error.message}`);
    }
  }
  return proxies;
}

// Works about how sluice grows: each size in a process of its own, without others beside it.
async function runScale({ http }) {
  const wanted = (name) => works.filter(({ backend }) => backend === name);
  const sizes = scalePlaces({ http, wide: 0 }).filter(({ name }) => wanted(name).length > 0);
  if (sizes.length === 0 || !existsSync(SLUICE_BENCH)) return [];
  const addresses = Math.max(...sizes.map(({ endpoints }) => endpoints.length));
  const wide = await startWideBackend(work, addresses);
  const rows = [];
  for (const place of scalePlaces({ http, wide: wide.port })) {
    for (const one of wanted(place.name)) {
      say(one.name);
      try {
        const sluice = await startPlace(work, place);
        rows.push(...(await runWork(one, { sluice }, {})));
        await stop(sluice.child);
      } catch (error) {
        say(`${one.name} is left out: ${error.message}`);
      }
    }
  }
  await stop(wide.child);
  return rows;
}

async function main() {
  const http = await startBackend(work);
  const echo = await startExchange('echo');
  const sink = await startExchange('sink');
  const h2 = await startHttp2Backend(work);
  const grpc = await startGrpcBackend(work);
  // By the place that a work wants: what stands behind it. Direct has no proxy: its CPU is the backend's.
  const places = { http, echo, sink, h2, grpc, h1h2: undefined, h2h1: undefined };
  const started = Object.entries(places).filter(([, place]) => place !== undefined);
  const backends = Object.fromEntries(started.map(([name, { child }]) => [name, child]));
  const ports = Object.fromEntries(started.map(([name, { port }]) => [name, port]));
  const vias = { direct: { child: undefined, ports }, ...(await startProxies(ports)) };
  say(`${works.length} works, ${rounds} rounds of ${seconds} s each, via ${Object.keys(vias).join(', ')}`);

  const rows = [];
  for (const one of works.filter(({ backend }) => backend in places)) {
    say(one.name);
    rows.push(...(await runWork(one, vias, backends)));
  }
  rows.push(...(await runScale(ports)));
  const footprint = [];
  if (!options.quick && only === undefined) {
    for (const [what, measure] of Object.entries({
      memory: () => measureMemory(vias, say),
      'capture per connect': () => measureHook(work, say),
      start: () => measureStart(say),
    })) {
      say(what);
      try {
        footprint.push(...(await measure()));
      } catch (error) {
        say(`${what}: ${error.message}`);
      }
    }
  }
  mkdirSync('build', { recursive: true });
  writeFileSync('build/bench.json', `${JSON.stringify([...rows, ...footprint], null, 2)}\n`);
  printTable(rows);
  printScale(rows);
  printFootprint(footprint);
  console.log('\nfigures: build/bench.json');
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    void stopAll().finally(() => {
      rmSync(work, { recursive: true, force: true });
      process.exit(1);
    });
  });
}
try {
  await main();
} finally {
  await stopAll();
  rmSync(work, { recursive: true, force: true });
}
