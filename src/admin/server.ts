// The admin server: HTTP/1 on its own port, away from the traffic. Exact paths; everything else is
// 404. A slow or greedy client costs a bounded time and a bounded number of connections, and an
// endpoint that fails answers 500 and is logged; neither ends the server.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';

import { type Clock } from '../core/clock.js';
import { type Component } from '../core/component.js';
import { type HostPort } from '../core/ip.js';
import { type Logger } from '../core/logger.js';
import {
  type AdminEndpoint,
  type AdminRequest,
  type AdminResponse,
  isLoopbackPeer,
  textResponse,
} from './http.js';

export interface AdminServerOptions {
  readonly address: HostPort;
  /** By path. */
  readonly endpoints: ReadonlyMap<string, AdminEndpoint>;
  readonly logger: Logger;
  readonly clock: Clock;
}

const HEAD_TIMEOUT_MS = 5000;
const REQUEST_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_TIMEOUT_MS = 15_000;
/** No byte in either direction for this long ends the connection: a reader that never reads. */
const STALL_TIMEOUT_MS = 20_000;
/** Probes of a connection that an endless answer goes to: the only sign of a client that is gone. */
const STREAM_KEEPALIVE_MS = 30_000;
const MAX_CONNECTIONS = 256;
const MAX_BODY_BYTES = 16 * 1024;
/** Answers under way when the server stops have this long. */
const STOP_GRACE_MS = 1000;

/** undefined when it is larger than allowed. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  // The connection outlives a body that is too large: the client gets its answer.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Resolves when the client has taken what was written, or is gone. */
function untilTaken(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      response.off('drain', settle).off('close', settle);
      resolve();
    };
    response.on('drain', settle).on('close', settle);
  });
}

export class AdminServer implements Component {
  readonly name = 'admin';
  readonly #options: AdminServerOptions;
  readonly #server: Server;
  /** Answers that are sent as they come. */
  readonly #streams = new Set<AsyncIterator<string>>();

  constructor(options: AdminServerOptions) {
    this.#options = options;
    this.#server = createServer(
      {
        headersTimeout: HEAD_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
        connectionsCheckingInterval: 1000,
        noDelay: true,
      },
      (request, response) => {
        void this.#serve(request, response);
      },
    );
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.setTimeout(STALL_TIMEOUT_MS);
  }

  /** Where it listens; undefined before `start`. */
  get bound(): HostPort | undefined {
    const address = this.#server.address() as AddressInfo | null;
    return address === null ? undefined : { ip: address.address, port: address.port };
  }

  /** Rejects with node's error (its `code` says why) when the address cannot be had. */
  start(): Promise<void> {
    const { ip, port } = this.#options.address;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host: ip, port, exclusive: true }, () => {
        this.#server.off('error', reject);
        // Such as EMFILE in accept: the next connection may well succeed.
        this.#server.on('error', (error) => {
          this.#options.logger.warn(
            { error: error.message },
            'the admin server could not accept a connection',
          );
        });
        resolve();
      });
    });
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(STOP_GRACE_MS, () => {
        this.#server.closeAllConnections();
      });
      for (const stream of this.#streams) void stream.return?.();
      // Called with an error when it never listened, which is as good as closed.
      this.#server.close(() => {
        cancel();
        resolve();
      });
      this.#server.closeIdleConnections();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const answer = await this.#answer(request);
      if (answer === undefined) return;
      response.statusCode = answer.status;
      for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
      if (!request.complete) response.setHeader('connection', 'close');
      const { body } = answer;
      if (typeof body === 'object' && Symbol.asyncIterator in body) await this.#stream(body, response);
      else response.end(body);
    } catch (error) {
      // The client went away while its request was read: nobody is left to answer.
      if (request.destroyed && !request.complete) return;
      const message = error instanceof Error ? error.message : String(error);
      this.#options.logger.error({ path: pathOf(request).path, error: message }, 'an admin request failed');
      if (response.headersSent) response.destroy();
      else response.writeHead(500, { 'content-type': 'text/plain' }).end(`${message}\n`);
    }
  }

  /** Sends what comes until it ends, never faster than the client takes it. */
  async #stream(body: AsyncIterable<string>, response: ServerResponse): Promise<void> {
    const iterator = body[Symbol.asyncIterator]();
    this.#streams.add(iterator);
    const end = (): void => {
      void iterator.return?.();
    };
    response.once('close', end);
    try {
      response.socket?.setTimeout(0).setKeepAlive(true, STREAM_KEEPALIVE_MS);
      response.setHeader('connection', 'close').flushHeaders();
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
        const isTaken = response.write(next.value);
        if (response.destroyed) break;
        if (!isTaken) await untilTaken(response);
      }
      response.end();
    } finally {
      this.#streams.delete(iterator);
      end();
    }
  }

  async #answer(request: IncomingMessage): Promise<AdminResponse | undefined> {
    const { path, query } = pathOf(request);
    const endpoint = this.#options.endpoints.get(path);
    if (endpoint === undefined) return { status: 404 };
    const fromLoopback = isLoopbackPeer(request.socket.remoteAddress);
    const body = await readBody(request);
    if (body === undefined)
      return textResponse(413, `the body is larger than ${String(MAX_BODY_BYTES)} bytes\n`);
    const asked: AdminRequest = {
      method: request.method ?? '',
      query,
      header: (name) => request.headersDistinct[name]?.join(', '),
      fromLoopback,
      body,
    };
    return endpoint(asked);
  }
}

/** Path and query of origin-form and absolute-form targets (RFC 9112 §3.2), not decoded. */
function pathOf(request: IncomingMessage): { readonly path: string; readonly query: string | undefined } {
  const target = (request.url ?? '').replace(/^https?:\/\/[^/?#]*/i, '');
  const mark = target.indexOf('?');
  return mark < 0
    ? { path: target, query: undefined }
    : { path: target.slice(0, mark), query: target.slice(mark + 1) };
}
