// What routes and backends do to requests, responses and connections, from messages of the API (reference,
// behaviour §4.6, wire API §3 http_route). A filter of a kind that is not known here stays, as one that
// nothing passes.
import type { GrpcFailureInjector } from '../api/gen/grpc_route_pb.js';
import type {
  HttpFailureInjector,
  PathModifier,
  Ratio,
  RequestHeaderModifier,
  RequestRedirect,
  ResponseHeaderModifier,
} from '../api/gen/http_route_pb.js';
import { type Headers, type Scheme, Scheme_Registered } from '../api/gen/http_types_pb.js';
import type { OpaqueRoute_Filter, TlsRoute_Filter } from '../api/gen/outbound_pb.js';
import { isFieldOfTheProxy, isToken } from '../config/http-words.js';
import type {
  FailFilterConfig,
  HeadersFilterConfig,
  HeaderValueConfig,
  RedirectFilterConfig,
  RouteFilterConfig,
} from '../config/route-config.js';
import { LARGEST_PORT } from '../core/ip.js';
import type { ConnectionFilter } from './client-policy.js';
import { isFieldValue } from './read-matches.js';
import type { Reading } from './reading.js';

/** Of HTTP and gRPC, outbound and inbound. */
export interface FilterMessage {
  readonly kind: {
    readonly case: string | undefined;
    readonly value?:
      | HttpFailureInjector
      | GrpcFailureInjector
      | RequestHeaderModifier
      | ResponseHeaderModifier
      | RequestRedirect
      | undefined;
  };
}

const UNKNOWN = 'unknown filter type';

export function readFilters(
  reading: Reading,
  path: string,
  messages: readonly FilterMessage[],
): readonly RouteFilterConfig[] {
  return messages.map((message, index) => readFilter(reading, `${path}[${String(index)}]`, message));
}

function readFilter(reading: Reading, path: string, { kind }: FilterMessage): RouteFilterConfig {
  const at = `${path}.${snakeCase(kind.case ?? '')}`;
  const { value } = kind;
  switch (value?.$typeName) {
    case 'io.linkerd.proxy.http_route.HttpFailureInjector':
      return readHttpFailure(reading, at, value);
    case 'io.linkerd.proxy.grpc_route.GrpcFailureInjector':
      return readGrpcFailure(reading, at, value);
    case 'io.linkerd.proxy.http_route.RequestHeaderModifier':
      return readModifier(reading, at, 'requestHeaders', value);
    case 'io.linkerd.proxy.http_route.ResponseHeaderModifier':
      return readModifier(reading, at, 'responseHeaders', value);
    case 'io.linkerd.proxy.http_route.RequestRedirect':
      return readRedirect(reading, at, value);
    case undefined:
      reading.note(path, 'is a filter of an unknown kind: nothing passes it');
      return { kind: 'invalid', message: UNKNOWN };
  }
}

export function readConnectionFilters(
  reading: Reading,
  path: string,
  messages: readonly (OpaqueRoute_Filter | TlsRoute_Filter)[],
): readonly ConnectionFilter[] {
  return messages.map(({ kind }, index) => {
    if (kind.case === 'forbidden') return { kind: 'forbidden' };
    if (kind.case === 'invalid') return { kind: 'invalid', message: kind.value.message };
    reading.note(`${path}[${String(index)}]`, 'is a filter of an unknown kind: nothing passes it');
    return { kind: 'invalid', message: UNKNOWN };
  });
}

function snakeCase(text: string): string {
  return text.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

const LOWEST_STATUS = 200;
const HIGHEST_STATUS = 599;
const LARGEST_GRPC_CODE = 65_535;
const LAST_GRPC_CODE = 16;
const UNKNOWN_GRPC_CODE = 2;

function readHttpFailure(reading: Reading, path: string, message: HttpFailureInjector): FailFilterConfig {
  const { status } = message;
  if (status < LOWEST_STATUS || status > HIGHEST_STATUS) reading.fail(`${path}.status`, 'is no final status');
  return {
    kind: 'fail',
    ...readRatio(reading, `${path}.ratio`, message.ratio),
    answer: { kind: 'http', status },
    message: message.message,
  };
}

function readGrpcFailure(reading: Reading, path: string, message: GrpcFailureInjector): FailFilterConfig {
  const { code } = message;
  if (code > LARGEST_GRPC_CODE) reading.fail(`${path}.code`, 'is no code of gRPC');
  return {
    kind: 'fail',
    ...readRatio(reading, `${path}.ratio`, message.ratio),
    answer: { kind: 'grpc', code: code > LAST_GRPC_CODE ? UNKNOWN_GRPC_CODE : code },
    message: message.message,
  };
}

function readRatio(
  reading: Reading,
  path: string,
  ratio: Ratio | undefined,
): Pick<FailFilterConfig, 'numerator' | 'denominator'> {
  if (ratio === undefined) return { numerator: 1, denominator: 1 };
  const { numerator, denominator } = ratio;
  if (denominator === 0) reading.fail(`${path}.denominator`, 'is 0');
  if (numerator > denominator) reading.fail(`${path}.numerator`, 'is above the denominator');
  return { numerator, denominator };
}

function readModifier(
  reading: Reading,
  path: string,
  kind: HeadersFilterConfig['kind'],
  { add, set, remove }: RequestHeaderModifier | ResponseHeaderModifier,
): HeadersFilterConfig {
  return {
    kind,
    add: readHeaders(reading, `${path}.add`, add),
    set: readHeaders(reading, `${path}.set`, set),
    remove: remove.flatMap(
      (name, index) => readName(reading, `${path}.remove[${String(index)}]`, name) ?? [],
    ),
  };
}

function readHeaders(
  reading: Reading,
  path: string,
  message: Headers | undefined,
): readonly HeaderValueConfig[] {
  return (message?.headers ?? []).flatMap((header, index) => {
    const at = `${path}.headers[${String(index)}]`;
    const name = readName(reading, `${at}.name`, header.name);
    if (!isFieldValue(header.value)) reading.fail(`${at}.value`, 'is not the value of a header');
    const value = utf8Text(header.value);
    if (value === undefined) reading.note(at, 'is left out: its value is not UTF-8');
    return name === undefined || value === undefined ? [] : [{ name, value }];
  });
}

/** In lower case; undefined when a filter must not touch it. */
function readName(reading: Reading, path: string, text: string): string | undefined {
  const name = text.toLowerCase();
  if (!isToken(name)) {
    reading.fail(path, 'is not the name of a header');
    return undefined;
  }
  if (!isFieldOfTheProxy(name)) return name;
  reading.note(path, `is left out: ${name} is the proxy's own`);
  return undefined;
}

function utf8Text(bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes).toString();
  return Buffer.from(text).equals(bytes) ? text : undefined;
}

const DEFAULT_REDIRECT = 301;

function readRedirect(reading: Reading, path: string, message: RequestRedirect): RedirectFilterConfig {
  const status = message.status === 0 ? DEFAULT_REDIRECT : message.status;
  if (status < 300 || status > 399) reading.fail(`${path}.status`, 'is no redirection');
  if (message.port > LARGEST_PORT) reading.fail(`${path}.port`, 'is no port');
  // A name, an IPv4 address, or an IPv6 address in brackets; the port has a field of its own.
  if (!/^(?:[A-Za-z0-9\-._~!$&'()*+,;=%]*|\[[0-9A-Fa-f:.]+\])$/.test(message.host)) {
    reading.fail(`${path}.host`, 'is no host');
  }
  return {
    kind: 'redirect',
    status,
    scheme: message.scheme === undefined ? undefined : readScheme(reading, `${path}.scheme`, message.scheme),
    host: message.host === '' ? undefined : message.host,
    port: message.port === 0 ? undefined : message.port,
    path: message.path === undefined ? undefined : readModifiedPath(reading, `${path}.path`, message.path),
  };
}

const SCHEMES: Readonly<Record<number, string | undefined>> = {
  [Scheme_Registered.HTTP]: 'http',
  [Scheme_Registered.HTTPS]: 'https',
};

function readScheme(reading: Reading, path: string, { type }: Scheme): string {
  const scheme = type.case === 'registered' ? SCHEMES[type.value] : type.value;
  if (scheme !== undefined && /^[A-Za-z][A-Za-z0-9+.-]*$/.test(scheme)) return scheme.toLowerCase();
  reading.fail(path, 'is no scheme');
  return '';
}

function readModifiedPath(
  reading: Reading,
  path: string,
  { replace }: PathModifier,
): RedirectFilterConfig['path'] {
  if (replace.case === undefined) {
    reading.fail(path, 'has no replacement');
    return undefined;
  }
  if (!/^\/[\x21-\x7e]*$/.test(replace.value)) {
    reading.fail(`${path}.${replace.case}`, 'is not a path that begins with a slash');
  }
  return { kind: replace.case === 'full' ? 'whole' : 'prefix', text: replace.value };
}
