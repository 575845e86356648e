// The data plane without Node, built with AddressSanitizer and UndefinedBehaviorSanitizer, as a process
// of its own that runs from a snapshot. When its test ends it is asked to end and must do so cleanly: a
// finding of a sanitizer, a leak included, fails the test.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { aFolder, Running } from './processes.js';

/** Built by `scripts/build --native-tests`; tests run in the root of the project. */
const PROGRAM = 'build/native-asan/sluice_bench';

/** Looking for leaks takes its time. */
const END_MS = 60_000;

export type EndpointSpoken = 'AS_CLIENT' | 'ENDPOINT_HTTP1' | 'ENDPOINT_HTTP2' | 'ENDPOINT_HTTP2_ORIG_PROTO';

const SETTINGS = `settings {
  workers: 2
  poller: POLLER_EPOLL
  tcp { half_close_timeout_ms: 120000 discovery_timeout_ms: 10000 accept_batch: 64 }
  http {
    max_head_bytes: 65536 max_fields: 256 request_head_timeout_ms: 60000 client_idle_timeout_ms: 600000
  }
  buffers { direction_budget_bytes: 262144 splice_threshold_bytes: 65536 total_budget_bytes: 1073741824 }
  metrics { latency_bounds_ms: [1, 1000] duration_bounds_ms: [1, 1000] max_series_per_worker: 10000 }
  log_level: LOG_WARN
}
`;

const LOOPBACK = String.raw`"\177\000\000\001"`;

function snapshot(ports: readonly number[], spoken: EndpointSpoken): string {
  const endpoints = ports.map((port) => `add { address { ip: ${LOOPBACK} port: ${port} } weight: 1 }`);
  return `${SETTINGS}
commands { put_target {
  id: 1 kind: BALANCE authority: "web.example" endpoint_protocol: ${spoken}
  connect_timeout_ms: 10000 fail_fast_timeout_ms: 10000 queue_capacity: 10000
  pool_idle_timeout_ms: 60000 pool_max_idle: 1000 ewma_default_rtt_ms: 30 ewma_decay_ms: 10000
  backoff_min_ms: 1 backoff_max_ms: 10
} }
commands { update_endpoints { target_id: 1 reset: true ${endpoints.join(' ')} } }
commands { put_destination {
  id: 1 direction: OUTBOUND protocol: DETECT detect_timeout_ms: 60000 target_id: 1
} }
commands { listen {
  id: 1 direction: OUTBOUND address { ip: ${LOOPBACK} } source: SOURCE_FIXED destination_id: 1
} }
`;
}

/** Where clients connect to; what they send is balanced over `ports` of loopback. */
export async function aSanitizedDataPlane(
  t: TestContext,
  ports: readonly number[],
  spoken: EndpointSpoken,
): Promise<number> {
  const file = join(await aFolder(t), 'snapshot.textproto');
  await writeFile(file, snapshot(ports, spoken));
  const program = new Running([PROGRAM, file], {});
  t.after(async () => {
    program.kill('SIGTERM');
    try {
      const { code, signal, stderr } = await program.ended(END_MS);
      assert.deepEqual({ code, signal }, { code: 0, signal: null }, stderr);
    } finally {
      program.kill('SIGKILL');
    }
  });
  return program.sees('its port', ({ stdout }) => {
    const port = /^listening 1 .*:(\d+)$/m.exec(stdout)?.[1];
    return port === undefined ? undefined : Number(port);
  });
}
