// Requests in HTTP/2 that would be something else when they were written down as HTTP/1.1 unexamined
// (RFC 9113 §10.3), and what the proxy makes of them: a stream reset, or exactly one request.
import { ErrorCode, type HeaderField } from './http2-frames.js';

export interface DowngradeCase {
  readonly name: string;
  readonly fields: readonly HeaderField[];
  /** Absent: the head ends the stream. */
  readonly body?: string;
  readonly trailers?: readonly HeaderField[];
  /** The code that the stream is reset with; absent: it is forwarded. */
  readonly refused?: number;
  /** A body may turn out wrong only after its head was sent. */
  readonly headMayPass?: true;
}

const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: web\r\n\r\n';

function fields(replaced: Readonly<Record<string, string>>, ...more: readonly HeaderField[]): HeaderField[] {
  const pseudo = { ':method': 'POST', ':scheme': 'http', ':path': '/case', ':authority': 'web', ...replaced };
  return [...Object.entries(pseudo), ...more];
}

const refused = (name: string, list: readonly HeaderField[], body?: string): DowngradeCase => ({
  name,
  fields: list,
  refused: ErrorCode.PROTOCOL_ERROR,
  ...(body === undefined ? {} : { body }),
});

const MEANT_FOR_HTTP1: readonly HeaderField[] = [
  ['transfer-encoding', 'chunked'],
  ['connection', 'keep-alive'],
  ['connection', 'transfer-encoding'],
  ['keep-alive', 'timeout=5'],
  ['proxy-connection', 'keep-alive'],
  ['upgrade', 'h2c'],
  ['te', 'chunked'],
  ['te', 'trailers, chunked'],
];
const BROKEN_FIELDS: readonly HeaderField[] = [
  ['x-a', 'b\r\nTransfer-Encoding: chunked'],
  ['x-a', 'b\nTransfer-Encoding: chunked'],
  ['x-a', 'b\rc'],
  ['x-a', 'b\0c'],
  ['x-a', `b\r\n\r\n${SMUGGLED}`],
  ['x-a\r\ntransfer-encoding', 'chunked'],
  ['x-a: b\r\ntransfer-encoding', 'chunked'],
  ['transfer-encoding: chunked\r\nx-a', 'b'],
  ['transfer-encoding ', 'chunked'],
  ['x a', 'b'],
  ['x-a:', 'b'],
  ['', 'b'],
  ['Transfer-Encoding', 'chunked'],
  ['Content-Length', '0'],
  [':path', '/smuggled'],
  [':status', '200'],
  [':unknown', 'x'],
];
const BROKEN_PSEUDO_FIELDS: readonly HeaderField[] = [
  [':method', `GET /smuggled HTTP/1.1\r\nHost: web\r\n\r\nPOST`],
  [':method', 'GET /smuggled HTTP/1.1'],
  [':method', ''],
  [':method', 'PO\0ST'],
  [':path', '/case HTTP/1.1\r\nHost: web\r\n\r\nGET /smuggled'],
  [':path', '/case HTTP/1.1'],
  [':path', '/ca se'],
  [':path', '/ca\tse'],
  [':path', '/ca\0se'],
  [':path', '/case#fragment'],
  [':path', ''],
  [':path', 'case'],
  [':path', 'http://other/case'],
  [':path', '*'],
  [':authority', 'web\r\nX: y'],
  [':authority', 'user@web'],
  [':authority', 'web, other'],
  [':authority', 'web/case'],
  [':authority', 'we b'],
  [':authority', 'web:port'],
];
const BROKEN_LENGTHS = ['-1', '+5', '5, 5', '0x5', '', '5 ', '18446744073709551616'];
const quoted = ([name, value]: HeaderField): string => `${JSON.stringify(name)}: ${JSON.stringify(value)}`;

export const DOWNGRADE_CASES: readonly DowngradeCase[] = [
  { ...refused('H2.CL: shorter than the body', fields({}, ['content-length', '0']), SMUGGLED) },
  {
    ...refused('H2.CL: shorter by a byte', fields({}, ['content-length', '4']), 'aaaaa'),
    headMayPass: true,
  },
  {
    ...refused('H2.CL: longer than the body', fields({}, ['content-length', '6']), 'aaaaa'),
    headMayPass: true,
  },
  {
    ...refused('H2.CL: a length, and no body', fields({}, ['content-length', '5'])),
  },
  refused('H2.CL twice, different', fields({}, ['content-length', '0'], ['content-length', '5']), 'aaaaa'),
  refused('H2.CL twice, equal', fields({}, ['content-length', '5'], ['content-length', '5']), 'aaaaa'),
  ...BROKEN_LENGTHS.map((value) =>
    refused(`H2.CL ${JSON.stringify(value)}`, fields({}, ['content-length', value]), 'aaaaa'),
  ),
  ...MEANT_FOR_HTTP1.map((field) =>
    refused(`H2.TE and the like, ${quoted(field)}`, fields({}, field), `0\r\n\r\n${SMUGGLED}`),
  ),
  ...BROKEN_FIELDS.map((field) => refused(`field ${quoted(field)}`, fields({}, field))),
  ...BROKEN_PSEUDO_FIELDS.map(([name, value]) =>
    refused(`pseudo-field ${quoted([name, value])}`, fields({ [name]: value })),
  ),
  refused('a pseudo-field behind others', [...fields({}).slice(1), ['x-a', 'b'], [':method', 'POST']]),
  refused(
    'no :path',
    fields({}).filter(([name]) => name !== ':path'),
  ),
  refused(
    'no :method',
    fields({}).filter(([name]) => name !== ':method'),
  ),
  refused('Host against :authority', fields({}, ['host', 'other'])),
  refused('two Hosts', fields({}, ['host', 'web'], ['host', 'other'])),
  {
    ...refused('a trailer that is a pseudo-field', fields({}), 'aaaaa'),
    trailers: [[':path', '/smuggled']],
    headMayPass: true,
  },
  {
    ...refused('a trailer with a line break', fields({}), 'aaaaa'),
    trailers: [['x-a', `b\r\n\r\n${SMUGGLED}`]],
    headMayPass: true,
  },
  {
    ...refused('a trailer that is another length', fields({}), 'aaaaa'),
    trailers: [['content-length', '0']],
    headMayPass: true,
  },
  {
    ...refused('a trailer that is an encoding', fields({}), 'aaaaa'),
    trailers: [['transfer-encoding', 'chunked']],
    headMayPass: true,
  },
  { name: 'a request as a body', fields: fields({}), body: SMUGGLED },
  {
    name: 'a request as a body, with its length',
    fields: fields({}, ['content-length', String(SMUGGLED.length)]),
    body: SMUGGLED,
  },
  { name: 'the end of chunks as a body', fields: fields({}), body: `0\r\n\r\n${SMUGGLED}` },
  { name: 'a body of a GET', fields: fields({ ':method': 'GET' }), body: SMUGGLED },
  { name: 'a length in a field that is none', fields: fields({}, ['content_length', '3']), body: SMUGGLED },
  { name: 'te: trailers', fields: fields({}, ['te', 'trailers']), body: 'aaaaa' },
  { name: 'Host without :authority', fields: [...fields({}).slice(0, 3), ['host', 'web']] },
  { name: 'Host as :authority says', fields: fields({}, ['host', 'web']), body: 'aaaaa' },
  {
    name: 'trailers that would frame the message are left out',
    fields: fields({}),
    body: 'aaaaa',
    trailers: [
      ['host', 'other'],
      ['x-sum', '1'],
    ],
  },
];
