// Facts of the process, from a /proc that the test writes.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { collectProcess, type ProcessFacts } from '../../../src/metrics/process-metrics.js';

function facts(files: Readonly<Record<string, string>>): ProcessFacts {
  return { unixSeconds: () => 1234.9, uptimeSeconds: () => 5.5, readText: (path) => files[path] };
}

function values(files: Readonly<Record<string, string>>): Record<string, number | undefined> {
  return Object.fromEntries(
    collectProcess(facts(files)).map(({ name, values: [sample] }) => [name, sample?.value]),
  );
}

test('threads and traffic come from /proc', () => {
  assert.deepEqual(
    values({
      '/proc/self/status': 'Name:\tnode\nThreads:\t11\nSigQ:\t0/1\n',
      '/proc/self/net/netstat':
        'TcpExt: A B\nTcpExt: 1 2\nIpExt: InNoRoutes InOctets OutOctets\nIpExt: 0 300 400\n',
    }),
    {
      process_clock_time_seconds: 1234,
      process_uptime_seconds_total: 5.5,
      process_threads: 11,
      process_network_receive_bytes_total: 300,
      process_network_transmit_bytes_total: 400,
    },
  );
});

test('without /proc the families it tells are left out', () => {
  assert.deepEqual(Object.keys(values({})), ['process_clock_time_seconds', 'process_uptime_seconds_total']);
});
