// The two ends of an exchange in a test, the same for HTTP/1.1 and HTTP/2 (node's own implementations):
// what the conformance suite says once is then tried in every combination. Everything ends with its test.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import type { TestContext } from 'node:test';

export type Version = 'HTTP/1.1' | 'HTTP/2';
export type Fields = Readonly<Record<string, string>>;

/** node gives up a session that holds more; some tests hold large bodies on purpose. */
const SESSION_MEGABYTES = 256;
const STREAM_WINDOW_BYTES = 256 * 1024;
const CONNECTION_WINDOW_BYTES = 64 << 20;
/** Of an HTTP/2 server; some tests need them all at once. */
export const STREAMS = 1000;

// ---------------------------------------------------------------- servers

export interface ServerSide {
  readonly path: string;
  readonly method: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Readable;
  /** Resolves when the request's body has come whole; rejects when it was cut. */
  readonly whole: Promise<void>;
  /** Known once the body has ended. */
  trailers(): http.IncomingHttpHeaders;
  head(status: number, fields?: Fields): void;
  /** The response's body. */
  readonly response: Writable;
  end(trailers?: Fields): void;
  /** Ends the exchange the hard way: RST_STREAM or a TCP reset. */
  reset(): void;
}

export interface TestServer {
  readonly port: number;
  /** GOAWAY, or `connection: close` on what is under way: no further requests on connections of now. */
  leave(): void;
}

type Request = http.IncomingMessage | http2.Http2ServerRequest;
type Response = http.ServerResponse | http2.Http2ServerResponse;

function serverSide(request: Request, answer: Response): ServerSide {
  // node's two implementations agree on all that is used here.
  const response = answer as http.ServerResponse;
  const whole = new Promise<void>((resolve, reject) => {
    // A request that was cut ends too, after it has said so.
    request.on('aborted', () => {
      reject(new Error('aborted'));
    });
    request.on('error', reject);
    request.on('end', () => {
      if ('stream' in request && request.stream.rstCode !== http2.constants.NGHTTP2_NO_ERROR) {
        reject(new Error('reset'));
      } else {
        resolve();
      }
    });
  });
  whole.catch(ignore);
  return {
    path: request.url ?? '',
    method: request.method ?? '',
    headers: request.headers,
    body: request,
    whole,
    trailers: () => request.trailers,
    response,
    head: (status, fields = {}) => {
      response.writeHead(status, fields);
      response.flushHeaders();
    },
    end: (trailers = {}) => {
      response.addTrailers(trailers);
      response.end();
    },
    reset: () => {
      if ('stream' in answer) answer.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
      else (request as http.IncomingMessage).socket.resetAndDestroy();
    },
  };
}

/** A client that goes away mid-body is part of some tests. */
const ignore = (): void => undefined;

export async function aServer(
  t: TestContext,
  version: Version,
  serve: (exchange: ServerSide) => void,
): Promise<TestServer> {
  const sessions = new Set<http2.ServerHttp2Session>();
  const sockets = new Set<{ destroy(): void }>();
  const handle = (request: Request, response: Response): void => {
    request.on('error', ignore);
    response.on('error', ignore);
    serve(serverSide(request, response));
  };
  const server =
    version === 'HTTP/2'
      ? http2.createServer(
          { maxSessionMemory: SESSION_MEGABYTES, settings: { maxConcurrentStreams: STREAMS } },
          handle,
        )
      : http.createServer({ keepAliveTimeout: 60_000 }, handle);
  if (version === 'HTTP/2') {
    (server as http2.Http2Server).on('session', (session) => {
      sessions.add(session);
      session.on('error', ignore);
      session.on('close', () => sessions.delete(session));
    });
  }
  let leaving = false;
  server.on('connection', (socket: { destroy(): void }) => sockets.add(socket));
  if (version === 'HTTP/1.1') {
    server.prependListener('request', (_request, response: http.ServerResponse) => {
      if (leaving) response.setHeader('connection', 'close');
    });
  }
  server.listen(0, '127.0.0.1', 4096);
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    leave: () => {
      leaving = true;
      for (const session of sessions) session.close();
    },
  };
}

// ---------------------------------------------------------------- clients

export interface Head {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
}

export interface ClientSide {
  /** The request's body; end it. */
  readonly request: Writable;
  /** Rejects when there is none: the exchange was cut. */
  readonly head: Promise<Head>;
  /** The response's body, from its head on. Errors when the exchange was cut. */
  body(): Promise<Readable>;
  /** Known once the body has ended. */
  trailers(): http.IncomingHttpHeaders;
  reset(): void;
}

export interface Call {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Fields;
  /** At the end of the body. */
  readonly trailers?: Fields;
  readonly hasBody?: boolean;
}

export interface Client {
  send(call: Call): ClientSide;
}

function http1Client(t: TestContext, port: number): Client {
  const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity });
  t.after(() => {
    agent.destroy();
  });
  return {
    send: ({ method = 'POST', path = '/', headers = {}, trailers, hasBody = true }) => {
      const request = http.request({ port, host: '127.0.0.1', agent, method, path, headers });
      let response: http.IncomingMessage | undefined;
      const head = new Promise<Head>((resolve, reject) => {
        request.on('error', reject);
        request.on('response', (answer) => {
          response = answer;
          answer.on('error', ignore);
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers });
        });
      });
      head.catch(ignore);
      if (trailers !== undefined) request.addTrailers(trailers);
      if (!hasBody) request.end();
      return {
        request,
        head,
        body: async () => {
          await head;
          assert.ok(response !== undefined);
          return response;
        },
        trailers: () => response?.trailers ?? {},
        reset: () => {
          request.socket?.resetAndDestroy();
          request.destroy();
        },
      };
    },
  };
}

function http2Client(t: TestContext, port: number): Client {
  const sessions = new Set<http2.ClientHttp2Session>();
  let current: http2.ClientHttp2Session | undefined;
  t.after(() => {
    for (const session of sessions) session.destroy();
  });
  /** A further one after a GOAWAY, as every client does. */
  const session = (): http2.ClientHttp2Session => {
    if (current?.destroyed === false) return current;
    const opened = http2.connect(`http://127.0.0.1:${String(port)}`, {
      maxSessionMemory: SESSION_MEGABYTES,
      peerMaxConcurrentStreams: STREAMS,
      settings: { initialWindowSize: STREAM_WINDOW_BYTES },
    });
    const leave = (): void => {
      if (current === opened) current = undefined;
    };
    opened.setMaxListeners(0);
    opened.on('error', leave);
    opened.on('goaway', leave);
    opened.on('close', leave);
    // What is not read holds its window; the others must not run out of the connection's.
    opened.on('connect', () => {
      opened.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    });
    sessions.add(opened);
    current = opened;
    return opened;
  };
  return {
    send: ({ method = 'POST', path = '/', headers = {}, trailers, hasBody = true }) => {
      const stream = session().request(
        { ':method': method, ':path': path, ...headers },
        { endStream: !hasBody, waitForTrailers: trailers !== undefined },
      );
      if (trailers !== undefined) {
        stream.on('wantTrailers', () => {
          stream.sendTrailers(trailers);
        });
      }
      let received: http.IncomingHttpHeaders = {};
      stream.on('trailers', (fields: http.IncomingHttpHeaders) => {
        received = fields;
      });
      const head = new Promise<Head>((resolve, reject) => {
        stream.on('error', reject);
        stream.on('close', () => {
          reject(new Error('closed before the head'));
        });
        stream.on('response', (fields) => {
          resolve({ status: fields[':status'] ?? 0, headers: fields });
        });
      });
      head.catch(ignore);
      return {
        request: stream,
        head,
        body: async () => {
          await head;
          return stream;
        },
        trailers: () => received,
        reset: () => {
          // node ends a request before it resets its stream, so that it would look whole: where it is
          // not, the connection goes with it.
          if (stream.writableEnded) stream.close(http2.constants.NGHTTP2_CANCEL);
          else stream.session?.destroy();
        },
      };
    },
  };
}

export function aClient(t: TestContext, version: Version, port: number): Client {
  return version === 'HTTP/2' ? http2Client(t, port) : http1Client(t, port);
}
