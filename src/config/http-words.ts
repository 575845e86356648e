// Words of HTTP and gRPC as they are written in a mesh file: statuses and ranges of them, gRPC codes by
// name, names and values of header fields (RFC 9110 §5), and the fields that only the proxy may write.
import type { StatusRangeConfig } from './route-config.js';

/** In the order of their numbers (https://grpc.github.io/grpc/core/md_doc_statuscodes.html). */
export const GRPC_CODE_NAMES: readonly string[] = [
  'ok',
  'cancelled',
  'unknown',
  'invalid-argument',
  'deadline-exceeded',
  'not-found',
  'already-exists',
  'permission-denied',
  'resource-exhausted',
  'failed-precondition',
  'aborted',
  'out-of-range',
  'unimplemented',
  'internal',
  'unavailable',
  'data-loss',
  'unauthenticated',
];

export function parseGrpcCode(text: string): number | undefined {
  const code = GRPC_CODE_NAMES.indexOf(text.toLowerCase().replaceAll('_', '-'));
  return code < 0 ? undefined : code;
}

/** `503`, `500-504`, `5xx`, `gateway-error` (502 to 504). */
export function parseStatusRange(text: string): StatusRangeConfig | undefined {
  if (text === 'gateway-error') return { first: 502, last: 504 };
  const hundreds = /^([1-5])xx$/i.exec(text)?.[1];
  if (hundreds !== undefined) return { first: Number(hundreds) * 100, last: Number(hundreds) * 100 + 99 };
  const range = /^([1-5]\d\d)(?:-([1-5]\d\d))?$/.exec(text);
  if (range === null) return undefined;
  const first = Number(range[1]);
  const last = Number(range[2] ?? range[1]);
  return first <= last ? { first, last } : undefined;
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/;

export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** The name of a header field in lower case. */
export function parseFieldName(text: string): string | undefined {
  return isToken(text) ? text.toLowerCase() : undefined;
}

/** Visible ASCII, with spaces and tabs between. */
export function isFieldValue(text: string): boolean {
  return /^(?:[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)?$/.test(text) && text.length <= 4096;
}

/** Framing, hop-by-hop and routing: a filter that wrote them would break the message or its way. So would
 * `l5d-…`, in which proxies talk to each other, and `proxy-…`, of one client and one proxy. */
const FIELDS_OF_THE_PROXY: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** `name` is in lower case. */
export function isFieldOfTheProxy(name: string): boolean {
  return FIELDS_OF_THE_PROXY.has(name) || /^(?:l5d|proxy)-/.test(name);
}

const KNOWN_METHODS: ReadonlySet<string> = new Set(
  'GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH'.split(' '),
);

/** Methods are case-sensitive: the one that was meant when a known one is written in lower case. */
export function meantMethod(text: string): string | undefined {
  const upper = text.toUpperCase();
  return upper !== text && KNOWN_METHODS.has(upper) ? upper : undefined;
}
