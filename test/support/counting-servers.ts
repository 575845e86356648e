// Real HTTP servers that tell which requests they have seen: node, nginx, HAProxy and one of Python's.
// Ended by their ids with the test; their files are in a folder that is removed with it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { closedPort } from '../contract/harness.js';
import { aClient, eventually, within } from './peer.js';

export interface CountingServer {
  readonly name: string;
  readonly port: number;
  /** Method and target of every request, in no order, complete once the server is at rest. */
  seen(t: TestContext): Promise<string[]>;
}

export async function nodeServer(t: TestContext): Promise<CountingServer> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method ?? ''} ${request.url ?? ''}`);
    request.resume();
    request.on('end', () => response.end('ok'));
  });
  // What node refuses counts as seen too: the proxy must not have let it pass.
  server.on('clientError', (error, socket) => {
    if ('rawPacket' in error) seen.push(`refused ${error.message}`);
    socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    name: 'node',
    port: (server.address() as AddressInfo).port,
    seen: () => Promise.resolve(seen),
  };
}

/** Starts a program that listens on a port and writes a line per request into `log`. */
async function logged(
  t: TestContext,
  name: string,
  prepare: (folder: string, port: number, log: string) => readonly [command: string, ...args: string[]],
): Promise<CountingServer> {
  const folder = mkdtempSync(join(tmpdir(), `sluice-${name}-`));
  const log = join(folder, 'requests.log');
  writeFileSync(log, '');
  const port = await closedPort();
  const [command, ...args] = prepare(folder, port, log);
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  child.stdout.on('data', (chunk: Buffer) => {
    writeFileSync(log, chunk, { flag: 'a' });
  });
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    rmSync(folder, { recursive: true });
  });
  await listens(port, name);
  return {
    name,
    port,
    seen: async (test) => {
      // Its log is in order: what came before this request is written before it.
      const client = await aClient(test, port);
      await client.send('GET /last HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n');
      await client.toEnd();
      client.finish();
      const lines = (): string[] =>
        readFileSync(log, 'utf8')
          .split('\n')
          .filter((line) => line !== '');
      await eventually(() => lines().includes('GET /last'), `${name} did not log its last request`);
      return lines().filter((line) => line !== 'GET /last');
    },
  };
}

async function listens(port: number, name: string): Promise<void> {
  let there = false;
  const attempt = async (): Promise<void> => {
    while (!there) {
      const socket = connect(port, '127.0.0.1');
      there = await new Promise<boolean>((resolve) => {
        socket.once('connect', () => {
          resolve(true);
        });
        socket.once('error', () => setTimeout(resolve, 10, false));
      });
      socket.destroy();
    }
  };
  await within(attempt(), `${name} does not listen`);
}

export function nginxServer(t: TestContext): Promise<CountingServer> {
  return logged(t, 'nginx', (folder, port, log) => {
    const configuration = join(folder, 'nginx.conf');
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((each) => `${each}_temp_path ${folder}/${each};`)
      .join(' ');
    writeFileSync(
      configuration,
      `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
       events { worker_connections 512; }
       http {
         ${temporary}
         log_format requests '$request_method $request_uri';
         access_log ${log} requests;
         server { listen 127.0.0.1:${port}; location / { return 200 ok; } }
       }`,
    );
    return ['nginx', '-c', configuration, '-e', join(folder, 'error.log')];
  });
}

export function haproxyServer(t: TestContext): Promise<CountingServer> {
  return logged(t, 'haproxy', (folder, port) => {
    const configuration = join(folder, 'haproxy.cfg');
    writeFileSync(
      configuration,
      `global
  log stdout format raw local0
defaults
  mode http
  timeout client 20s
  timeout http-request 20s
  option dontlognull
frontend web
  bind 127.0.0.1:${port}
  log global
  log-format "%HM %HU"
  option http-buffer-request
  http-request return status 200 content-type text/plain string ok
`,
    );
    return ['haproxy', '-db', '-f', configuration];
  });
}

export function pythonServer(t: TestContext): Promise<CountingServer> {
  return logged(t, 'python', (folder, port, log) => {
    const program = join(folder, 'server.py');
    writeFileSync(program, PYTHON_SERVER);
    return ['/usr/bin/python3', program, String(port), log];
  });
}

// http.server itself ignores bodies: reading them is left to handlers.
const PYTHON_SERVER = `
import http.server, sys

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        with open(sys.argv[2], "a") as log:
            log.write(f"{self.command} {self.path}\\n")
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                self.rfile.read(size + 2)
            while self.rfile.readline().strip():
                pass
        else:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    do_GET = do_POST = do_PUT = do_OPTIONS = do_DELETE = answer

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
`;
