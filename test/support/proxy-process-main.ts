// The program behind proxy-process.ts: a job in JSON per line of standard input, its result per line of
// standard output. Ends, and closes the data plane, with its input.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { getHeapStatistics } from 'node:v8';

import type { ProxyJob } from './proxy-process.js';
import { aProxy, type ProxyUnderTest } from './proxy-under-test.js';

const undo: (() => Promise<void> | void)[] = [];
let proxy: ProxyUnderTest | undefined;

function theProxy(): ProxyUnderTest {
  if (proxy === undefined) throw new Error('not open yet');
  return proxy;
}

const KIB = 1024;

/** JavaScript's heap grows and shrinks by rules of its own: what counts is the rest. */
function residentBytes(): number {
  const status = readFileSync('/proc/self/status', 'utf8');
  const resident = Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) * KIB;
  return resident - getHeapStatistics().total_physical_size;
}

function run(job: ProxyJob): unknown {
  if ('open' in job) {
    proxy = aProxy({ after: (one) => undo.push(one) }, job.open);
    return null;
  }
  if ('route' in job) return theProxy().route(job.route).port;
  if ('metric' in job) return theProxy().metric(...job.metric);
  if ('connections' in job) return Number(theProxy().inspect().connections);
  if (job.residentBytes === 'after collection') globalThis.gc?.();
  return residentBytes();
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(run(JSON.parse(line) as ProxyJob))}\n`);
}
for (const one of undo) await one();
