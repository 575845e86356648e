// A real nginx that says who it is and counts what it was asked.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { aFolder, freePort, type Running, type Scope, start, until } from './processes.js';

export interface ReplicaOptions {
  /** Address to listen on, as nginx and a mesh file write it; 127.0.0.1 by default. */
  readonly ip?: string;
  readonly port?: number;
  /** What runs it, such as `nsenter` into a namespace. */
  readonly wrap?: readonly string[];
}

export interface Replica {
  readonly name: string;
  /** `address:port`. */
  readonly address: string;
  readonly port: number;
  readonly process: Running;
  /** Requests answered until now. */
  requests(): Promise<number>;
}

const ATTEMPTS = 5;

/** Answers `replica NAME` and `X-Replica: NAME` to every request; `/10k` has a body of 10 KiB. */
export async function aReplica(t: Scope, name: string, options: ReplicaOptions = {}): Promise<Replica> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await tryReplica(t, name, options);
    } catch (error) {
      // Somebody else may have taken the port between asking for one and listening.
      if (options.port !== undefined || attempt === ATTEMPTS) throw error;
    }
  }
}

async function tryReplica(t: Scope, name: string, options: ReplicaOptions): Promise<Replica> {
  const { ip = '127.0.0.1', wrap = [] } = options;
  const port = options.port ?? (await freePort(wrap.length === 0 ? ip.replaceAll(/[[\]]/g, '') : undefined));
  const address = `${ip}:${String(port)}`;
  const folder = join(await aFolder(t), name);
  await mkdir(folder);
  await writeFile(join(folder, 'nginx.conf'), configuration(name, address));
  await writeFile(join(folder, '10k'), 'x'.repeat(10 * 1024));
  const [program, ...words] = [...wrap, 'nginx', '-p', folder, '-c', 'nginx.conf', '-e', 'error.log'];
  const process = start(t, [program, ...words]);
  await until(`nginx ${name} listens`, async () => {
    const log = await readFile(join(folder, 'error.log'), 'utf8').catch(() => '');
    if (process.isOver) throw new Error(`nginx ${name} ended: ${log}`);
    return log.includes('using the "epoll" event method');
  });
  const requests = async (): Promise<number> => {
    const text = await readFile(join(folder, 'access.log'), 'utf8');
    return text.split('\n').length - 1;
  };
  return { name, address, port, process, requests };
}

function configuration(name: string, address: string): string {
  return `daemon off; master_process off; worker_processes 1; pid nginx.pid; error_log error.log notice;
events { worker_connections 1024; use epoll; }
http {
  log_format one '$request_method $uri';
  access_log access.log one;
  keepalive_requests 1000000;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  server {
    listen ${address};
    root .;
    location / { add_header X-Replica ${name}; return 200 "replica ${name}\\n"; }
    location = /10k { add_header X-Replica ${name}; }
  }
}
`;
}
