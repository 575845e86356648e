// What requests and connections are matched by, from messages of the API (reference, behaviour §4.5, wire
// API §3 http_route, grpc_route, tls_route).
import type { GrpcRouteMatch } from '../api/gen/grpc_route_pb.js';
import type {
  HeaderMatch,
  HostMatch,
  HttpRouteMatch,
  PathMatch,
  QueryParamMatch,
} from '../api/gen/http_route_pb.js';
import { type HttpMethod, HttpMethod_Registered } from '../api/gen/http_types_pb.js';
import type { SniMatch } from '../api/gen/tls_route_pb.js';
import { isToken } from '../config/http-words.js';
import { regularExpressionError } from '../config/regular-expression.js';
import {
  ANY_REQUEST,
  type HostMatchConfig,
  type NamedMatchConfig,
  type PathMatchConfig,
  type RequestMatchConfig,
  type TextMatchConfig,
} from '../config/route-config.js';
import type { Reading } from './reading.js';

/** Empty: any. Undefined: there are some, and no request can have one of them. */
export function readHosts(
  reading: Reading,
  path: string,
  messages: readonly (HostMatch | SniMatch)[],
): readonly HostMatchConfig[] | undefined {
  const hosts = messages.flatMap((message, index) => {
    const at = `${path}[${String(index)}]`;
    const host = readHost(reading, at, message);
    if (host === undefined || isHost(host)) return host ?? [];
    reading.note(at, 'is left out: it is the name of no host');
    return [];
  });
  return messages.length > 0 && hosts.length === 0 ? undefined : hosts;
}

function readHost(
  reading: Reading,
  path: string,
  { match }: HostMatch | SniMatch,
): HostMatchConfig | undefined {
  switch (match.case) {
    case 'exact':
      return { host: hostText(match.value), suffix: false };
    case 'suffix': {
      const host = hostText(match.value.reverseLabels.toReversed().join('.'));
      // A name below the root is any name.
      return { host, suffix: host !== '' };
    }
    case undefined:
      reading.fail(path, 'has no match');
      return undefined;
  }
}

function hostText(text: string): string {
  return text.toLowerCase().replace(/\.$/, '');
}

const LONGEST_HOST = 255;

/** What an authority can have as its host; the empty one stands for any. */
function isHost({ host }: HostMatchConfig): boolean {
  if (host.length > LONGEST_HOST) return false;
  return /^\[[0-9a-f:.]+\]$/.test(host) || /^[\x21-\x7e]*$/.test(host.replaceAll(/[/@:]/g, ' '));
}

export function readHttpMatch(reading: Reading, path: string, message: HttpRouteMatch): RequestMatchConfig {
  return {
    ...ANY_REQUEST,
    path: readPath(reading, `${path}.path`, message.path),
    headers: message.headers.map((header, index) =>
      readHeader(reading, `${path}.headers[${String(index)}]`, header),
    ),
    query: message.queryParams.map((query, index) =>
      readQuery(reading, `${path}.query_params[${String(index)}]`, query),
    ),
    method: message.method === undefined ? '' : readMethod(reading, `${path}.method`, message.method),
  };
}

export function readGrpcMatch(reading: Reading, path: string, message: GrpcRouteMatch): RequestMatchConfig {
  const { rpc } = message;
  if (rpc === undefined) reading.fail(`${path}.rpc`, 'is missing');
  return {
    ...ANY_REQUEST,
    grpc: { service: rpc?.service ?? '', method: rpc?.method ?? '' },
    headers: message.headers.map((header, index) =>
      readHeader(reading, `${path}.headers[${String(index)}]`, header),
    ),
  };
}

function readPath(
  reading: Reading,
  path: string,
  message: PathMatch | undefined,
): PathMatchConfig | undefined {
  if (message === undefined) return undefined;
  const { case: kind, value } = message.kind;
  if (kind === undefined) {
    reading.fail(path, 'has no match');
    return undefined;
  }
  return kind === 'regex' ? readPattern(reading, `${path}.regex`, value) : { kind, text: value };
}

/** In upper and lower case as written; empty when it is none. */
export function readMethod(reading: Reading, path: string, { type }: HttpMethod): string {
  // Enums are open: a number that nobody knows has no name.
  const method =
    type.case === 'registered'
      ? (HttpMethod_Registered as Readonly<Record<number, string | undefined>>)[type.value]
      : type.value;
  if (method !== undefined && isToken(method)) return method;
  reading.fail(path, 'is no method');
  return '';
}

function readHeader(reading: Reading, path: string, { name, value }: HeaderMatch): NamedMatchConfig {
  if (!isToken(name)) reading.fail(`${path}.name`, 'is not the name of a header');
  const named = (match: NamedMatchConfig['value']): NamedMatchConfig => ({
    name: name.toLowerCase(),
    value: match,
  });
  switch (value.case) {
    case 'exact': {
      const bytes = Buffer.from(value.value);
      if (!isFieldValue(bytes)) reading.fail(`${path}.exact`, 'is not the value of a header');
      const isText = bytes.every((byte) => byte < 0x80);
      return named(
        isText
          ? { kind: 'exact', text: bytes.toString('latin1') }
          : { kind: 'bytes', text: bytes.toString('hex') },
      );
    }
    case 'regex':
      return named(readPattern(reading, `${path}.regex`, value.value));
    case undefined:
      reading.fail(path, 'has no value');
      return named({ kind: 'exact', text: '' });
  }
}

/** RFC 9110 §5.5. */
export function isFieldValue(bytes: Uint8Array): boolean {
  return bytes.every((byte) => (byte >= 0x20 && byte !== 0x7f) || byte === 0x09);
}

function readQuery(reading: Reading, path: string, { name, value }: QueryParamMatch): NamedMatchConfig {
  if (name === '') reading.fail(`${path}.name`, 'is empty');
  switch (value.case) {
    case 'exact':
      return { name, value: { kind: 'exact', text: value.value } };
    case 'regex':
      return { name, value: readPattern(reading, `${path}.regex`, value.value) };
    case undefined:
      reading.fail(path, 'has no value');
      return { name, value: { kind: 'exact', text: '' } };
  }
}

function readPattern(reading: Reading, path: string, text: string): TextMatchConfig & { kind: 'regex' } {
  const error = regularExpressionError(text);
  if (error !== undefined) reading.fail(path, `is not a regular expression: ${error}`);
  return { kind: 'regex', text };
}
