// The program behind prober.ts. Prints the port of its server; then `begin PORT` and `end` of standard
// input bound a measurement, which is printed as JSON.
import { Agent, createServer, get } from 'node:http';
import { once } from 'node:events';
import { type AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';

import type { Probes } from './prober.js';

const MIN_PROBES = 200;

const server = createServer((_, response) => response.end('ok')).listen(0, '127.0.0.1');
await once(server, 'listening');
const own = (server.address() as AddressInfo).port;
process.stdout.write(`${own}\n`);

function probe(port: number, agent: Agent): Promise<number> {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', agent }, (response) => {
      response.resume();
      response.once('end', () => {
        if (response.statusCode === 200) resolve(performance.now() - started);
        else reject(new Error(`status ${String(response.statusCode)}`));
      });
    }).once('error', reject);
  });
}

const p99 = (times: readonly number[]): number =>
  [...times].sort((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? Number.NaN;

let over = true;

async function measure(port: number): Promise<Probes> {
  const agents = [
    new Agent({ keepAlive: true, maxSockets: 1 }),
    new Agent({ keepAlive: true, maxSockets: 1 }),
  ];
  const times: Record<'proxy' | 'direct', number[]> = { proxy: [], direct: [] };
  let failed = 0;
  const [through, around] = agents;
  while (!over || times.proxy.length + failed < MIN_PROBES) {
    try {
      if (through !== undefined) times.proxy.push(await probe(port, through));
    } catch {
      failed += 1;
    }
    if (around !== undefined) times.direct.push(await probe(own, around));
  }
  for (const agent of agents) agent.destroy();
  return {
    count: times.proxy.length,
    failed,
    proxyP99: p99(times.proxy),
    directP99: p99(times.direct),
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  const [word, port] = line.split(' ');
  over = word !== 'begin';
  if (over) continue;
  void measure(Number(port)).then((probes) => process.stdout.write(`${JSON.stringify(probes)}\n`));
}
server.close();
server.closeAllConnections();
