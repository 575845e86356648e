// sluice in the benchmark: the Node-free executable with one worker, from a snapshot in text format
// (native/bench/examples; message Snapshot of src/dataplane/contract.proto).
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { answers, manyAddresses, start } from './servers.mjs';

export const SLUICE_BENCH = 'build/native-release/sluice_bench';
const START_LIMIT_MS = 10_000;

const SETTINGS = `settings {
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

const address = (ip, port) =>
  `address { ip: "${ip.map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')}" port: ${port} }`;
const LOOPBACK = [127, 0, 0, 1];

const target = (id, { endpoints, endpointProtocol = 'AS_CLIENT' }) => `commands {
  put_target {
    id: ${id} kind: BALANCE authority: "target-${id}.bench" endpoint_protocol: ${endpointProtocol}
    connect_timeout_ms: 1000 fail_fast_timeout_ms: 3000 queue_capacity: 10000
    pool_idle_timeout_ms: 60000 pool_max_idle: 256
    ewma_default_rtt_ms: 30 ewma_decay_ms: 10000 backoff_min_ms: 100 backoff_max_ms: 10000 backoff_jitter: 0.5
  }
}
commands {
  update_endpoints {
    target_id: ${id} reset: true
${endpoints.map((one) => `    add { ${one} weight: 1 }`).join('\n')}
  }
}
`;

// One rule that leads to the target, found under each of so many hosts.
const routeTable = (id, hosts) => `commands {
  put_route_table {
    id: ${id}
${Array.from({ length: hosts }, (_, n) => `    hosts { host: "${hostName(n)}" entries { match { path_prefix: "/" } rule: 0 } }`).join('\n')}
    rules {
      id: ${id} name: "bench" kind: ROUTE_HTTP
      distribution { kind: FIRST_AVAILABLE backends { id: ${id} name: "bench" target_id: ${id} weight: 1 } }
    }
  }
}
`;
export const hostName = (n) => `host-${n}.bench`;

const listener = (id, { protocol, routed }) => `commands {
  put_destination {
    id: ${id} direction: OUTBOUND protocol: ${protocol} detect_timeout_ms: 10000
    ${routed ? `route_table_id: ${id}` : `target_id: ${id}`}
  }
}
commands {
  listen {
    id: ${id} direction: OUTBOUND ${address(LOOPBACK, 0)} source: SOURCE_FIXED destination_id: ${id}
  }
}
`;

// Each place is a listener of its own with a destination, a target and, with `hosts`, a route table.
export function sluiceSnapshot(places) {
  const commands = places.map((place, index) => {
    const id = index + 1;
    const routed = place.hosts !== undefined;
    return (
      target(id, place) +
      (routed ? routeTable(id, place.hosts) : '') +
      listener(id, { protocol: place.protocol, routed })
    );
  });
  return SETTINGS + commands.join('');
}

async function startPlaces(work, name, places) {
  const file = join(work, `${name}.textproto`);
  writeFileSync(file, sluiceSnapshot(places));
  const child = start(SLUICE_BENCH, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ports = {};
  // One line per listener, in the order of the snapshot.
  await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('sluice_bench: not ready in time')), START_LIMIT_MS);
    createInterface({ input: child.stdout }).on('line', (line) => {
      const match = /^listening (\d+) .*:(\d+)$/.exec(line);
      if (match === null) return;
      ports[places[Number(match[1]) - 1].name] = Number(match[2]);
      if (Object.keys(ports).length < places.length) return;
      clearTimeout(late);
      resolve();
    });
    child.once('exit', (code) => {
      clearTimeout(late);
      reject(new Error(`sluice_bench ended with ${code}`));
    });
  });
  return { child, ports };
}

const at = (port) => [address(LOOPBACK, port)];

export async function startSluice(work, { http, echo, sink, h2, grpc }) {
  if (!existsSync(SLUICE_BENCH)) throw new Error(`${SLUICE_BENCH} is not there`);
  const sluice = await startPlaces(work, 'sluice', [
    { name: 'http', protocol: 'HTTP1', endpoints: at(http) },
    { name: 'echo', protocol: 'OPAQUE', endpoints: at(echo) },
    { name: 'sink', protocol: 'OPAQUE', endpoints: at(sink) },
    { name: 'h2', protocol: 'DETECT', endpoints: at(h2) },
    { name: 'h1h2', protocol: 'DETECT', endpoints: at(h2), endpointProtocol: 'ENDPOINT_HTTP2' },
    { name: 'h2h1', protocol: 'DETECT', endpoints: at(http), endpointProtocol: 'ENDPOINT_HTTP1' },
    { name: 'grpc', protocol: 'DETECT', endpoints: at(grpc) },
  ]);
  await answers(sluice.child, sluice.ports.http);
  return sluice;
}

// A process of its own for each size, as sizes are what is compared. `wide` has an address per endpoint.
export function scalePlaces({ http, wide }) {
  return [
    ...[10, 1_000].map((hosts) => ({
      name: `routes-${hosts}`,
      protocol: 'HTTP1',
      endpoints: at(http),
      hosts,
    })),
    ...[10, 10_000].map((count) => ({
      name: `endpoints-${count}`,
      protocol: 'HTTP1',
      endpoints: manyAddresses(count).map((ip) => address(ip, wide)),
    })),
  ];
}
export const startPlace = (work, place) => startPlaces(work, place.name, [place]);
