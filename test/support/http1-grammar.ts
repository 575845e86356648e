// HTTP/1.1 requests by grammar (RFC 9112 §3–§7), most of them right, with parts that are wrong or strange
// in every place where a parser decides something, and some bytes changed afterwards. Seeded: the same
// cases in every run.

/** Choices that depend on the seed alone (xorshift, 32 bits). */
export class Draw {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed ^ 0x9e37_79b9) >>> 0 || 1;
  }

  below(count: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % count;
  }

  oneOf<T>(first: T, ...others: readonly T[]): T {
    return [first, ...others][this.below(1 + others.length)] ?? first;
  }

  oneIn(count: number): boolean {
    return this.below(count) === 0;
  }
}

/** How rarely a part is not what it usually is: about every other case has such a part. */
const STRANGE = 40;

type Part = (draw: Draw) => string;

const part =
  (usual: readonly [string, ...string[]], strange: readonly [string, ...string[]]): Part =>
  (draw) =>
    draw.oneIn(STRANGE) ? draw.oneOf(...strange) : draw.oneOf(...usual);

const lineEnd = part(['\r\n'], ['\n', '\r', '\r\r\n', '\n\r', ' \r\n', '\r\n\r\n']);
const space = part([' '], ['  ', '\t', '', ' \t', '\v']);
const colon = part([':', ': ', ':\t', ':   '], [' :', '\t: ', '', '::', '=']);
const version = part(
  ['HTTP/1.1'],
  ['HTTP/1.0', 'http/1.1', 'HTTP/1.1 ', 'HTTP/11', 'HTTP/1', 'HTTP/1.1\t', 'XTTP/1.1'],
);
const method = part(
  ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'],
  ['get', 'G ET', 'GET\0', 'G(T', '', 'PROPFIND', 'M-SEARCH', 'TRACE', 'BREW', '"GET"'],
);
const target = part(
  ['/', '/a/b', '/a?b=c&d', '/%41', '/a//b', 'http://web/', 'http://web/x?y'],
  [
    '*',
    'a',
    '/a#b',
    '/\x80',
    '/a\0',
    'http://',
    'http://web',
    'http://u@web/',
    'HTTP://WEB/',
    '//web',
    '/"',
    '/<>',
    '/a\\b',
    '?',
    '',
  ],
);
const host = part(
  ['web'],
  ['web:80', '', 'web web', 'web,web', 'u@web', '[::1]', '[::1', 'web:', 'web:x', 'wéb', '127.0.0.1'],
);
const fieldName = part(
  ['X-A', 'Accept', 'x-b', 'User-Agent', 'X_C', 'X.D', "X!#$%&'*+-^`|~"],
  ['X A', 'X\tA', '', 'X\0A', 'X\x80', 'X(A)', 'X/A', '"X"', 'X,A', 'X;A', '\x7f', ' X'],
);
const fieldValue = part(
  ['', '1', 'a, b', 'text/html;q=0.5', '"quoted \\" text"', 'ümlaut', '\x80\xff'],
  ['\0', 'a\rb', 'a\nb', 'a\x01b', '\x7f', 'a\r\n b', 'a\r\n\tb', '\x0c'],
);
const length = (right: number): Part =>
  part(
    [String(right)],
    [
      `0${right}`,
      `+${right}`,
      `-${right}`,
      `${right} `,
      ` ${right}\t`,
      `${right}, ${right}`,
      '',
      '0x1',
      '1e1',
      `${right}.0`,
      `\v${right}`,
      '99999999999999999999',
      String(right + 1),
    ],
  );
const encoding = part(
  ['chunked', 'Chunked'],
  [
    'chunked ',
    '\tchunked\t',
    'gzip, chunked',
    'chunked, gzip',
    'identity',
    'chunked, chunked',
    ',chunked',
    'chunked;a',
    '"chunked"',
    'chunke',
    '',
    'x-chunked',
  ],
);
const chunkSize = (right: number): Part =>
  part(
    [right.toString(16), right.toString(16).toUpperCase(), `0${right.toString(16)}`],
    [
      `0x${right.toString(16)}`,
      `+${right}`,
      `-${right}`,
      ` ${right}`,
      `${right} `,
      `${right}\t`,
      'g',
      '',
      '0'.repeat(20) + right.toString(16),
      'fffffffffffffffff',
      (right + 1).toString(16),
    ],
  );
const chunkExtension = part(
  ['', '', '', ';a', ';a=b', ';a="b c"', ' ;a', ';a=b;c=d'],
  [';', ';=', ';a=', ';a="b', ';a\n', ';a\rb', ';a\0', ' a', ';a="\r\n"', ';"a"', ';a=b c', ';é', '\v;a'],
);
const connection = part(
  ['keep-alive', 'Keep-Alive', 'X-A', 'keep-alive, X-A'],
  ['', ',', 'a b', 'Content-Length', 'Transfer-Encoding', 'Host', 'Upgrade', 'keep-alive;x'],
);

function field(draw: Draw, name: string, value: string): string {
  return name + colon(draw) + value + lineEnd(draw);
}

function chunkedBody(draw: Draw): string {
  let text = '';
  for (let left = draw.below(3); left > 0; left -= 1) {
    const data = 'd'.repeat(1 + draw.below(20));
    text += chunkSize(data.length)(draw) + chunkExtension(draw) + lineEnd(draw) + data + lineEnd(draw);
  }
  text += chunkSize(0)(draw) + chunkExtension(draw) + lineEnd(draw);
  if (draw.oneIn(4)) text += field(draw, fieldName(draw), fieldValue(draw));
  if (draw.oneIn(3 * STRANGE)) text += field(draw, 'Content-Length', '0');
  return text + lineEnd(draw);
}

function request(draw: Draw): string {
  let text = draw.oneIn(STRANGE) ? lineEnd(draw) : '';
  text += method(draw) + space(draw) + target(draw) + space(draw) + version(draw) + lineEnd(draw);
  const fields = [field(draw, draw.oneOf('Host', 'host', 'HOST'), host(draw))];
  if (draw.oneIn(2 * STRANGE)) fields.pop();
  if (draw.oneIn(2 * STRANGE)) fields.push(field(draw, 'Host', host(draw)));
  for (let left = draw.below(4); left > 0; left -= 1) {
    fields.push(field(draw, fieldName(draw), fieldValue(draw)));
  }
  if (draw.oneIn(8)) fields.push(field(draw, 'Connection', connection(draw)));
  let body = '';
  const framing = draw.below(3);
  if (framing === 1) {
    body = 'b'.repeat(draw.below(30));
    fields.push(field(draw, 'Content-Length', length(body.length)(draw)));
    if (draw.oneIn(2 * STRANGE)) fields.push(field(draw, 'Content-Length', length(body.length)(draw)));
  }
  if (framing === 2) {
    body = chunkedBody(draw);
    fields.push(field(draw, 'Transfer-Encoding', encoding(draw)));
    if (draw.oneIn(2 * STRANGE)) fields.push(field(draw, 'Transfer-Encoding', encoding(draw)));
    if (draw.oneIn(2 * STRANGE)) fields.push(field(draw, 'Content-Length', length(body.length)(draw)));
  }
  // In any order: framing may come before Host.
  for (let at = fields.length - 1; at > 0; at -= 1) {
    const other = draw.below(at + 1);
    const held = fields[at] ?? '';
    fields[at] = fields[other] ?? '';
    fields[other] = held;
  }
  return text + fields.join('') + lineEnd(draw) + body;
}

function changed(draw: Draw, text: string): string {
  const at = draw.below(text.length + 1);
  const byte = String.fromCharCode(draw.below(256));
  switch (draw.below(4)) {
    case 0:
      return text.slice(0, at) + byte + text.slice(at);
    case 1:
      return text.slice(0, at) + byte + text.slice(at + 1);
    case 2:
      return text.slice(0, at) + text.slice(at + 1 + draw.below(8));
    default: {
      // What is there once is there twice.
      const end = at + 1 + draw.below(12);
      return text.slice(0, end) + text.slice(at);
    }
  }
}

/** One or two requests, one after the other; a third of the cases has bytes changed. */
export function grammarCase(seed: number): string {
  const draw = new Draw(seed);
  let text = request(draw);
  if (draw.oneIn(4)) text += request(draw);
  if (draw.oneIn(3)) text = changed(draw, text);
  return text;
}
