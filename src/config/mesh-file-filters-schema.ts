// The shape of `filters` of routes and backends: what is done to a request on its way, each item one
// thing. The order of the list is the order in which they are applied.
import * as v from 'valibot';

import { parseHostName } from './host-name.js';
import { isFieldOfTheProxy, isFieldValue, parseFieldName, parseGrpcCode } from './http-words.js';
import {
  byKind,
  list,
  mapping,
  mustBe,
  portNumber,
  section,
  show,
  textOf,
  wholeNumber,
} from './mesh-file-values.js';

const REDIRECT_STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** Percentages are exact to four decimals. */
export const PERCENT_DENOMINATOR = 1_000_000;
const LONGEST_MESSAGE = 200;

const RESERVED = 'is a field of framing, of the connection or of routing, which only the proxy writes';

const fieldName = v.pipe(
  textOf('the name of a header field', parseFieldName),
  v.check((name) => !isFieldOfTheProxy(name), RESERVED),
);

const fieldValues = v.pipe(
  mapping('a mapping of header fields to text'),
  v.record(
    v.pipe(
      v.string(),
      v.check((name) => parseFieldName(name) !== undefined, 'is not the name of a header field'),
      v.check((name) => !isFieldOfTheProxy(name.toLowerCase()), RESERVED),
    ),
    v.pipe(
      v.string((issue) => `must be text, but is ${show(issue.input)}; put it in quotes`),
      v.check(isFieldValue, 'must be visible ASCII without line breaks or spaces around it'),
    ),
  ),
);

const headers = v.pipe(
  section({
    add: v.optional(fieldValues),
    set: v.optional(fieldValues),
    remove: v.optional(list(fieldName)),
  }),
  v.check(
    ({ add, set, remove }) => add !== undefined || set !== undefined || remove !== undefined,
    'needs add, set or remove',
  ),
);

const path = textOf('a path that begins with /', (text) =>
  /^\/[\x21-\x7e]*$/.test(text) && !/[?#]/.test(text) ? text : undefined,
);

const redirectStatus = mustBe('301, 302, 303, 307 or 308');

const redirect = v.pipe(
  section({
    status: v.optional(
      v.pipe(
        v.number(redirectStatus),
        v.check((status) => REDIRECT_STATUSES.has(status), redirectStatus),
      ),
    ),
    scheme: v.optional(v.picklist(['http', 'https'], mustBe('http or https'))),
    host: v.optional(textOf('a host name', parseHostName)),
    port: v.optional(portNumber),
    path: v.optional(path),
    prefix: v.optional(path),
  }),
  v.check(
    (written) => Object.entries(written).some(([key, value]) => key !== 'status' && value !== undefined),
    'needs scheme, host, port, path or prefix: it would lead to where the request is',
  ),
  v.check(
    (written) => written.path === undefined || written.prefix === undefined,
    'has path and prefix; only one of them can be used',
  ),
);

export interface RatioInFile {
  readonly numerator: number;
  readonly denominator: number;
}

const ratio = textOf<RatioInFile>('a ratio of two whole numbers such as 1/1000', (text) => {
  const [, above, below] = /^(\d{1,9})\/(\d{1,9})$/.exec(text) ?? [];
  const numerator = Number(above);
  const denominator = Number(below);
  return denominator > 0 && numerator <= denominator ? { numerator, denominator } : undefined;
});

const percentMessage = mustBe('a number from 0 to 100');

const percent = v.pipe(
  v.number(percentMessage),
  v.check((value) => value >= 0 && value <= 100, percentMessage),
  v.check((value) => {
    const scaled = (value * PERCENT_DENOMINATOR) / 100;
    return Math.abs(scaled - Math.round(scaled)) < 1e-6;
  }, 'has more than four decimals; write it as ratio'),
);

const grpcCode = byKind<number>((input) =>
  typeof input === 'number'
    ? wholeNumber(0, 16)
    : textOf('a gRPC code such as unavailable, or its number', parseGrpcCode),
);

const fail = v.pipe(
  section({
    percent: v.optional(percent),
    ratio: v.optional(ratio),
    status: v.optional(wholeNumber(200, 599)),
    grpc: v.optional(grpcCode),
    message: v.optional(
      v.pipe(
        v.string(mustBe('text')),
        v.check(
          (text) => isFieldValue(text) && text.length <= LONGEST_MESSAGE,
          `must be visible ASCII on one line, at most ${LONGEST_MESSAGE} characters`,
        ),
      ),
    ),
  }),
  v.check(
    (written) => written.percent === undefined || written.ratio === undefined,
    'has percent and ratio; only one of them can be used',
  ),
  v.check(
    (written) => (written.status === undefined) !== (written.grpc === undefined),
    'needs either status or grpc: what to fail with',
  ),
);

const filter = v.pipe(
  section({
    requestHeaders: v.optional(headers),
    responseHeaders: v.optional(headers),
    redirect: v.optional(redirect),
    fail: v.optional(fail),
  }),
  v.check(
    (written) => Object.values(written).filter((value) => value !== undefined).length === 1,
    'needs exactly one of requestHeaders, responseHeaders, redirect and fail',
  ),
);

export const filters = list(filter);

export type FilterInFile = v.InferOutput<typeof filter>;
export type HeadersInFile = v.InferOutput<typeof headers>;
