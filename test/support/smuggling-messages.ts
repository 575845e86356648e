// Requests that two implementations may read differently, and what the proxy has to make of them:
// refuse them with a reason, or forward them so that only one reading is left. Framing and heads; what is
// about connections is in smuggling-cases.ts.

export interface SmugglingCase {
  readonly name: string;
  /** As bytes on the wire, `\n` already CR LF where meant. */
  readonly bytes: string;
  /** What the proxy says in `l5d-proxy-error`, as the rule that is broken; refused with 400. */
  readonly refused?: string;
  /** What reaches the server, one line per request, when it is forwarded. */
  readonly forwarded?: readonly string[];
  /** The last of these asks for the connection's end: what is behind it is not read. */
  readonly last?: true;
}

export const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: web\r\n\r\n';

export function head(...lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** A POST to `/case` with these lines after Host, and what follows its head. */
export function post(lines: readonly string[], body: string): string {
  return head('POST /case HTTP/1.1', 'Host: web', ...lines) + body;
}

export const chunked = (encoding: string): string => `Transfer-Encoding: ${encoding}`;
export const CHUNKS = `0\r\n\r\n${SMUGGLED}`;

export function refusedPost(
  name: string,
  refused: string,
  lines: readonly string[],
  body: string,
): SmugglingCase {
  return { name, refused, bytes: post(lines, body) };
}

const lengthAndEncoding: readonly SmugglingCase[] = [
  refusedPost('CL.TE', 'length_and_encoding', ['Content-Length: 5', chunked('chunked')], CHUNKS),
  refusedPost('TE.CL', 'length_and_encoding', [chunked('chunked'), 'Content-Length: 5'], CHUNKS),
  refusedPost('CL.TE, equal', 'length_and_encoding', ['Content-Length: 0', chunked('chunked')], '0\r\n\r\n'),
  refusedPost('TE.TE, two fields', 'bad_transfer_encoding', [chunked('chunked'), chunked('chunked')], CHUNKS),
  refusedPost('TE.TE, identity', 'bad_transfer_encoding', [chunked('chunked'), chunked('identity')], CHUNKS),
  refusedPost('TE.0, identity', 'bad_transfer_encoding', [chunked('identity')], CHUNKS),
  ...[
    'xchunked',
    'chunked, identity',
    'gzip, chunked',
    '"chunked"',
    'chunked;q=1',
    ',chunked',
    'chunked,',
    'chunked, chunked',
    'chunked;a',
    '',
  ].map((value) => refusedPost(`TE: ${value}`, 'bad_transfer_encoding', [chunked(value)], CHUNKS)),
  refusedPost(
    'TE, an empty field first',
    'bad_transfer_encoding',
    ['Transfer-Encoding:', chunked('chunked')],
    CHUNKS,
  ),
  refusedPost('TE with vertical tab', 'bad_field_value', [chunked('\vchunked')], CHUNKS),
  refusedPost('TE, space before the colon', 'bad_field_name', ['Transfer-Encoding : chunked'], CHUNKS),
  refusedPost('TE, tab before the colon', 'bad_field_name', ['Transfer-Encoding\t: chunked'], CHUNKS),
  refusedPost('TE, folded', 'obsolete_folding', ['Transfer-Encoding:', ' chunked'], CHUNKS),
  refusedPost(
    'TE with an underscore is another field',
    'length_and_encoding',
    ['Transfer_Encoding: chunked', 'Content-Length: 3', chunked('chunked')],
    CHUNKS,
  ),
  {
    name: 'TE in HTTP/1.0',
    refused: 'encoding_in_http10',
    bytes: head('POST /case HTTP/1.0', 'Host: web', chunked('chunked')) + CHUNKS,
  },
];

const lengths: readonly SmugglingCase[] = [
  refusedPost(
    'CL.CL, different',
    'bad_content_length',
    ['Content-Length: 0', 'Content-Length: 37'],
    SMUGGLED,
  ),
  refusedPost('CL.CL, equal', 'bad_content_length', ['Content-Length: 0', 'Content-Length: 0'], ''),
  ...['+0', '-1', '0x10', '0, 0', '1 0', '0_0', '', '18446744073709551616', '١'].map((value) =>
    refusedPost(`CL: ${value}`, 'bad_content_length', [`Content-Length: ${value}`], SMUGGLED),
  ),
  refusedPost('CL, folded', 'obsolete_folding', ['Content-Length: 0', ' 0'], SMUGGLED),
  refusedPost('CL, NUL in the value', 'bad_field_value', ['Content-Length: 0\0'], SMUGGLED),
];

const chunks: readonly SmugglingCase[] = [
  ...['0x0', '+0', '-0', ' 0', 'g', '', '00000000000000000', '10000000000000000'].map((size) =>
    refusedPost(`chunk size "${size}"`, 'bad_chunk_size', [chunked('chunked')], `${size}\r\n\r\n${SMUGGLED}`),
  ),
  refusedPost(
    'chunk size with a space',
    'bad_chunk_extension',
    [chunked('chunked')],
    `0 0\r\n\r\n${SMUGGLED}`,
  ),
  ...['0 ', '0\t', '2;a="\r\n"\r\nxx\r\n0', '2;a\0\r\nxx\r\n0'].map((text) =>
    refusedPost(
      `chunk extension ${JSON.stringify(text)}`,
      'bad_chunk_extension',
      [chunked('chunked')],
      `${text}\r\n\r\n${SMUGGLED}`,
    ),
  ),
  refusedPost('chunk size, CR CR LF', 'bare_carriage_return', [chunked('chunked')], `2\r\r\nxx\r\n${CHUNKS}`),
  refusedPost('last chunk, LF', 'bare_line_feed', [chunked('chunked')], `0\r\n\n${SMUGGLED}`),
  refusedPost('last chunk, CR', 'bare_carriage_return', [chunked('chunked')], `0\r\n\r${SMUGGLED}`),
  refusedPost('trailer ended by LF', 'bare_line_feed', [chunked('chunked')], `0\r\nX-A: 1\n\r\n${SMUGGLED}`),
  refusedPost(
    'a request line as a trailer',
    'bad_field_name',
    [chunked('chunked')],
    `0\r\nGET /smuggled HTTP/1.1\r\n\r\n`,
  ),
  refusedPost('chunk size ended by LF', 'bare_line_feed', [chunked('chunked')], `0\n\r\n${SMUGGLED}`),
  refusedPost('chunk extension with LF', 'bare_line_feed', [chunked('chunked')], `2;a\nxx\r\n0\r\n\r\n`),
  refusedPost(
    'chunk extension with CR',
    'bare_carriage_return',
    [chunked('chunked')],
    `2;a\rxx\r\n0\r\n\r\n`,
  ),
  refusedPost('chunk data too long', 'bad_chunk_end', [chunked('chunked')], `2\r\nxxx\r\n${CHUNKS}`),
  refusedPost('chunk data ended by LF', 'bad_chunk_end', [chunked('chunked')], `2\r\nxx\n${CHUNKS}`),
  ...[
    'Content-Length: 5',
    'Host: other',
    chunked('chunked'),
    'l5d-client-id: x',
    'Authorization: x',
    'Connection: close',
    'Expect: 100-continue',
    'TE: trailers',
    'Set-Cookie: a=b',
  ].map((line) =>
    refusedPost(`trailer ${line}`, 'bad_trailer', [chunked('chunked')], `0\r\n${line}\r\n\r\n`),
  ),
  refusedPost('folded trailer', 'obsolete_folding', [chunked('chunked')], `0\r\nX-A: 1\r\n b\r\n\r\n`),
];

const heads: readonly SmugglingCase[] = [
  { name: 'no Host', refused: 'missing_host', bytes: head('GET /case HTTP/1.1') },
  {
    name: 'two Hosts',
    refused: 'duplicate_host',
    bytes: head('GET /case HTTP/1.1', 'Host: web', 'Host: web'),
  },
  ...['web, other', 'user@web', 'web/x', 'web:port', 'web:99999', ':80', '[::1', 'we b'].map((host) => ({
    name: `Host: ${host}`,
    refused: 'bad_host',
    bytes: head('GET /case HTTP/1.1', `Host: ${host}`),
  })),
  {
    name: 'absolute-form against Host',
    refused: 'host_mismatch',
    bytes: head('GET http://other/case HTTP/1.1', 'Host: web'),
  },
  {
    name: 'absolute-form with another port than Host',
    refused: 'host_mismatch',
    bytes: head('GET http://web:81/case HTTP/1.1', 'Host: web'),
  },
  {
    name: 'absolute-form without the port of Host',
    refused: 'host_mismatch',
    bytes: head('GET http://web/case HTTP/1.1', 'Host: web:81'),
  },
  {
    name: 'absolute-form without Host',
    refused: 'missing_host',
    bytes: head('GET http://web/case HTTP/1.1'),
  },
  ...['ftp://web/case', 'http:///case', '/case\x80'].map((target) => ({
    name: `target ${JSON.stringify(target)}`,
    refused: 'bad_target',
    bytes: head(`GET ${target} HTTP/1.1`, 'Host: web'),
  })),
  {
    name: 'two Hosts in different letters',
    refused: 'duplicate_host',
    bytes: head('GET /case HTTP/1.1', 'Host: web', 'hOST: other'),
  },
  { name: 'Host, NUL', refused: 'bad_field_value', bytes: head('GET /case HTTP/1.1', 'Host: web\0') },
  { name: 'Host, tab', refused: 'bad_host', bytes: head('GET /case HTTP/1.1', 'Host: web\tother') },
  {
    name: 'Host, space before the colon',
    refused: 'bad_field_name',
    bytes: head('GET /case HTTP/1.1', 'Host : web'),
  },
  ...['HTTP/1.10', 'HTTP/01.1'].map((version) => ({
    name: `version ${version}`,
    refused: 'bad_version',
    bytes: head(`GET /case ${version}`, 'Host: web'),
  })),
  {
    name: 'obs-fold before Host',
    refused: 'bad_field_name',
    bytes: 'GET /case HTTP/1.1\r\n Host: other\r\nHost: web\r\n\r\n',
  },
  {
    name: 'CR CR LF after the request line',
    refused: 'bare_carriage_return',
    bytes: 'GET /case HTTP/1.1\r\r\nHost: web\r\n\r\n',
  },
  {
    name: 'LF CR after the request line',
    refused: 'bare_line_feed',
    bytes: 'GET /case HTTP/1.1\n\rHost: web\r\n\r\n',
  },
  { name: 'user information', refused: 'bad_target', bytes: head('GET http://a@web/ HTTP/1.1', 'Host: web') },
  { name: 'fragment', refused: 'bad_target', bytes: head('GET /case#x HTTP/1.1', 'Host: web') },
  { name: 'asterisk with GET', refused: 'bad_target', bytes: head('GET * HTTP/1.1', 'Host: web') },
  { name: 'two spaces', refused: 'bad_target', bytes: head('GET  /case HTTP/1.1', 'Host: web') },
  { name: 'tab for a space', refused: 'bad_method', bytes: head('GET\t/case HTTP/1.1', 'Host: web') },
  {
    name: 'space after the version',
    refused: 'bad_version',
    bytes: head('GET /case HTTP/1.1 ', 'Host: web'),
  },
  { name: 'lower case version', refused: 'bad_version', bytes: head('GET /case http/1.1', 'Host: web') },
  { name: 'HTTP/0.9', refused: 'bad_start_line', bytes: 'GET /case\r\nHost: web\r\n\r\n' },
  {
    name: 'bare LF after the request line',
    refused: 'bare_line_feed',
    bytes: 'GET /case HTTP/1.1\nHost: web\r\n\r\n',
  },
  {
    name: 'bare LF after a field',
    refused: 'bare_line_feed',
    bytes: head('GET /case HTTP/1.1', 'Host: web\nX-A: 1'),
  },
  {
    name: 'bare LF for the empty line',
    refused: 'bare_line_feed',
    bytes: `GET /case HTTP/1.1\r\nHost: web\r\n\n${SMUGGLED}`,
  },
  {
    name: 'bare CR in a field',
    refused: 'bare_carriage_return',
    bytes: head('GET /case HTTP/1.1', 'Host: web', 'X-A: 1\r2'),
  },
  {
    name: 'bare CR for a line end',
    refused: 'bare_carriage_return',
    bytes: head('GET /case HTTP/1.1', 'Host: web\rX-A: 1'),
  },
  {
    name: 'NUL in a value',
    refused: 'bad_field_value',
    bytes: head('GET /case HTTP/1.1', 'Host: web', 'X-A: \0'),
  },
  {
    name: 'NUL in a name',
    refused: 'bad_field_name',
    bytes: head('GET /case HTTP/1.1', 'Host: web', 'X\0A: 1'),
  },
  { name: 'NUL in the target', refused: 'bad_target', bytes: head('GET /ca\0se HTTP/1.1', 'Host: web') },
  {
    name: 'obs-fold',
    refused: 'obsolete_folding',
    bytes: head('GET /case HTTP/1.1', 'Host: web', 'X-A: 1', '\t2'),
  },
  {
    name: 'space before the first field',
    refused: 'bad_field_name',
    bytes: head('GET /case HTTP/1.1', ' Host: web'),
  },
  {
    name: 'field without a colon',
    refused: 'bad_field_name',
    bytes: head('GET /case HTTP/1.1', 'Host: web', 'X-A'),
  },
  {
    name: 'empty field name',
    refused: 'bad_field_name',
    bytes: head('GET /case HTTP/1.1', 'Host: web', ': x'),
  },
  {
    name: 'expectations, one unknown',
    refused: 'bad_expectation',
    bytes: head('GET /case HTTP/1.1', 'Host: web', 'Expect: 100-continue, x'),
  },
  {
    name: 'unknown expectation',
    refused: 'bad_expectation',
    bytes: head('GET /case HTTP/1.1', 'Host: web', 'Expect: 200-ok'),
  },
  {
    name: 'TRACE with a body',
    refused: 'forbidden_body',
    bytes: head('TRACE /case HTTP/1.1', 'Host: web', `Content-Length: ${SMUGGLED.length}`) + SMUGGLED,
  },
];

const unambiguous: readonly SmugglingCase[] = [
  {
    name: 'CL.0: a GET with a length has a body',
    forwarded: ['GET /case'],
    bytes: head('GET /case HTTP/1.1', 'Host: web', `Content-Length: ${SMUGGLED.length}`) + SMUGGLED,
  },
  {
    name: '0.CL: what follows a request without a length is the next one',
    forwarded: ['POST /case', 'GET /smuggled'],
    bytes: post([], SMUGGLED),
  },
  {
    name: 'CL of zero',
    forwarded: ['POST /case', 'GET /smuggled'],
    bytes: post(['Content-Length: 00'], SMUGGLED),
  },
  {
    name: 'a request inside of a chunk',
    forwarded: ['POST /case'],
    bytes: post([chunked('chunked')], `${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n0\r\n\r\n`),
  },
  {
    name: 'the encoding in other letters',
    forwarded: ['POST /case', 'GET /smuggled'],
    bytes: post(['tRANSFER-eNCODING: CHUNKED'], CHUNKS),
  },
  {
    name: 'chunk extensions',
    forwarded: ['POST /case', 'GET /smuggled'],
    bytes: post([chunked('chunked')], `2;a=1;b="c;\\"d"\r\nxx\r\n0;e\r\n\r\n${SMUGGLED}`),
  },
  {
    name: 'leading zeros of a chunk size',
    forwarded: ['POST /case', 'GET /smuggled'],
    bytes: post([chunked('chunked')], `0002\r\nxx\r\n${CHUNKS}`),
  },
  {
    name: 'trailers',
    forwarded: ['POST /case', 'GET /smuggled'],
    bytes: post([chunked('chunked')], `2\r\nxx\r\n0\r\nX-Sum: 1\r\n\r\n${SMUGGLED}`),
  },
  {
    name: 'absolute-form and the same Host',
    forwarded: ['GET /case'],
    bytes: head('GET http://WEB:80/case HTTP/1.1', 'Host: web'),
  },
  {
    name: 'a length in a field that is none',
    forwarded: ['POST /case', 'GET /smuggled'],
    bytes: post(['Content_Length: 37', 'X-Content-Length: 37'], SMUGGLED),
  },
  {
    name: 'empty lines before a request',
    forwarded: ['GET /case', 'GET /smuggled'],
    bytes: `\r\n${head('GET /case HTTP/1.1', 'Host: web')}\r\n${SMUGGLED}`,
  },
];

export const FRAMING_CASES: readonly SmugglingCase[] = [
  ...lengthAndEncoding,
  ...lengths,
  ...chunks,
  ...heads,
  ...unambiguous,
];
