// Requests and responses of the admin server as plain values, so that every endpoint is a function
// that can be called without a socket.

export interface AdminRequest {
  readonly method: string;
  /** After the `?`; undefined when there is none. */
  readonly query: string | undefined;
  /** The value of a field, several lines joined by commas; undefined when absent. */
  header(name: string): string | undefined;
  /** By the address of the TCP peer; headers have no say. */
  readonly fromLoopback: boolean;
  readonly body: string;
}

export interface AdminResponse {
  readonly status: number;
  /** An array becomes several lines. */
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /** Something to iterate is sent as it comes, until it ends or the client is gone. */
  readonly body?: string | Uint8Array | AsyncIterable<string>;
}

export type AdminEndpoint = (request: AdminRequest) => AdminResponse | Promise<AdminResponse>;

export function textResponse(status: number, body: string): AdminResponse {
  return { status, headers: { 'content-type': 'text/plain' }, body };
}

export function jsonResponse(status: number, value: unknown): AdminResponse {
  return { status, headers: { 'content-type': 'application/json' }, body: `${JSON.stringify(value)}\n` };
}

export function jsonError(status: number, error: string): AdminResponse {
  return jsonResponse(status, { error, status });
}

/** One `Allow` line per method. */
export function methodNotAllowed(...allowed: string[]): AdminResponse {
  return { status: 405, headers: { allow: allowed } };
}

/** Endpoints that change or reveal the process answer to processes of this host only. */
export function loopbackOnly(endpoint: AdminEndpoint): AdminEndpoint {
  return (request) =>
    request.fromLoopback
      ? endpoint(request)
      : textResponse(403, 'Requests are only permitted from localhost.');
}

/** IPv4 and IPv6 loopback, and IPv4 loopback as a socket of both families shows it. */
export function isLoopbackPeer(remoteAddress: string | undefined): boolean {
  if (remoteAddress === undefined) return false;
  return /^(?:::ffff:)?127\.\d+\.\d+\.\d+$/i.test(remoteAddress) || remoteAddress === '::1';
}

/** undefined when acceptable, else the answer: 400 for a value that is not text, 406 otherwise. */
export function refuseUnlessJsonAccepted(request: AdminRequest): AdminResponse | undefined {
  const accept = request.header('accept');
  if (accept === undefined) return undefined;
  if (!/^[\t\x20-\x7e]*$/.test(accept)) return jsonError(400, 'the Accept header is not plain text');
  const wanted = accept.toLowerCase();
  if (['application/json', 'application/*', '*/*'].some((type) => wanted.includes(type))) return undefined;
  return textResponse(406, 'application/json');
}
