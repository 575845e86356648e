// Facts about the process that prom-client does not collect, under the names linkerd2-proxy uses.
// What a system does not tell (no /proc) is left out.
import { readFileSync } from 'node:fs';

import { type FamilySamples, type Sample } from './data-plane-collector.js';

/** Effects: injected so that tests can choose what the system says. */
export interface ProcessFacts {
  /** Seconds of Unix time, with fraction. */
  readonly unixSeconds: () => number;
  readonly uptimeSeconds: () => number;
  /** Content of a file; undefined when it cannot be read. */
  readonly readText: (path: string) => string | undefined;
}

export const systemProcessFacts: ProcessFacts = {
  unixSeconds: () => Date.now() / 1000,
  uptimeSeconds: () => process.uptime(),
  readText: (path) => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return undefined;
    }
  },
};

function single(name: string, help: string, type: 'counter' | 'gauge', value: number): FamilySamples {
  const sample: Sample = { metricName: name, labels: {}, value };
  return { name, help, type, values: [sample] };
}

/** One pair of lines of /proc/PID/net/netstat: names, then values, after the same prefix. */
function netstat(text: string, prefix: string): ReadonlyMap<string, number> {
  const [names, values] = text
    .split('\n')
    .filter((line) => line.startsWith(`${prefix}:`))
    .map((line) => line.split(/\s+/).slice(1));
  return new Map(names?.map((name, i) => [name, Number(values?.[i])]));
}

export function collectProcess(facts: ProcessFacts): FamilySamples[] {
  const families = [
    single(
      'process_clock_time_seconds',
      'Unix time by the clock of this host.',
      'gauge',
      Math.floor(facts.unixSeconds()),
    ),
    single(
      'process_uptime_seconds_total',
      'Seconds since this process started.',
      'counter',
      facts.uptimeSeconds(),
    ),
  ];
  const threads = /^Threads:\s*(\d+)$/m.exec(facts.readText('/proc/self/status') ?? '')?.[1];
  if (threads !== undefined) {
    families.push(single('process_threads', 'Threads of this process.', 'gauge', Number(threads)));
  }
  const traffic = netstat(facts.readText('/proc/self/net/netstat') ?? '', 'IpExt');
  for (const [key, name, help] of [
    ['InOctets', 'process_network_receive_bytes_total', 'Bytes received in this network namespace.'],
    ['OutOctets', 'process_network_transmit_bytes_total', 'Bytes sent in this network namespace.'],
  ] as const) {
    const octets = traffic.get(key);
    if (octets !== undefined && Number.isFinite(octets)) families.push(single(name, help, 'counter', octets));
  }
  return families;
}
