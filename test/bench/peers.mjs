// The proxies that sluice is compared with, all of them Debian's: nginx, HAProxy and nghttpx. One worker
// each, access log off, connections to the backend kept.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  answers,
  freePort,
  GRPC_PATH,
  H1_PATH,
  HAPROXY_CONNECTIONS,
  listens,
  nginx,
  start,
} from './servers.mjs';

export async function startNginx(work, { http }) {
  const ports = { http: await freePort(), h2h1: await freePort() };
  const child = nginx(
    join(work, 'nginx'),
    `  upstream backend { server 127.0.0.1:${http}; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${ports.http} backlog=4096;
    listen 127.0.0.1:${ports.h2h1} http2 backlog=4096;
    location / { proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering on; }
  }`,
  );
  await answers(child, ports.http);
  return { child, ports };
}

export async function startHaproxy(work, { http, echo, sink, h2, grpc }) {
  const ports = {};
  for (const name of ['http', 'echo', 'sink', 'h2', 'h1h2', 'h2h1', 'grpc']) ports[name] = await freePort();
  // Client side, server side.
  const listen = (name, front, back, port) => `listen ${name}
  mode http
  http-reuse always
  bind 127.0.0.1:${ports[name]} backlog 4096${front}
  server one 127.0.0.1:${port}${back}
`;
  const file = join(work, 'haproxy.cfg');
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn ${HAPROXY_CONNECTIONS}
  maxpipes 64
defaults
  timeout connect 5s
  timeout client 300s
  timeout server 300s
  timeout http-keep-alive 300s
${listen('http', '', '', http)}${listen('h2', ' proto h2', ' proto h2', h2)}${listen('h1h2', '', ' proto h2', h2)}${listen('h2h1', ' proto h2', '', http)}${listen('grpc', ' proto h2', ' proto h2', grpc)}listen echo
  mode tcp
  bind 127.0.0.1:${ports.echo}
  server one 127.0.0.1:${echo}
listen sink
  mode tcp
  option splice-auto
  bind 127.0.0.1:${ports.sink}
  server one 127.0.0.1:${sink}
`,
  );
  const child = start('haproxy', ['-db', '-f', file]);
  await answers(child, ports.http);
  return { child, ports };
}

// Every frontend takes both versions; the path tells which backend is meant.
export async function startNghttpx(work, { http, h2, grpc }) {
  const port = await freePort();
  const child = start('nghttpx', [
    '--conf=/dev/null',
    `--frontend=127.0.0.1,${port};no-tls`,
    `--backend=127.0.0.1,${http};${H1_PATH}`,
    `--backend=127.0.0.1,${grpc};${GRPC_PATH};proto=h2`,
    `--backend=127.0.0.1,${h2};/;proto=h2`,
    '--workers=1',
    '--single-process',
    '--accesslog-file=/dev/null',
    '--errorlog-file=/dev/null',
    '--frontend-http2-max-concurrent-streams=1000',
    '--frontend-read-timeout=300s',
    '--frontend-http2-read-timeout=300s',
  ]);
  await listens(child, port);
  return { child, ports: { h2: port, h1h2: port, h2h1: port, grpc: port } };
}
