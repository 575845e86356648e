// Requests that two implementations may read differently for what they say about their connection:
// Connection, Expect, Upgrade, the end of it. Together with the cases of smuggling-messages.ts.
import {
  CHUNKS,
  chunked,
  FRAMING_CASES,
  head,
  post,
  SMUGGLED,
  type SmugglingCase,
} from './smuggling-messages.js';

export type { SmugglingCase } from './smuggling-messages.js';

const BODY = `Content-Length: ${SMUGGLED.length}`;
const BOTH = ['GET /case', 'GET /smuggled'];

function followed(name: string, ...lines: readonly string[]): SmugglingCase {
  return { name, forwarded: BOTH, bytes: head('GET /case HTTP/1.1', 'Host: web', ...lines) + SMUGGLED };
}

const connection: readonly SmugglingCase[] = [
  {
    name: 'Connection cannot take Content-Length away',
    forwarded: ['POST /case'],
    bytes: post(['Connection: Content-Length', `Content-Length: ${SMUGGLED.length}`], SMUGGLED),
  },
  {
    name: 'Connection cannot take Transfer-Encoding away',
    forwarded: ['POST /case', 'GET /smuggled'],
    bytes: post(['Connection: Transfer-Encoding', chunked('chunked')], CHUNKS),
  },
  {
    name: 'Connection cannot take Host away',
    forwarded: ['GET /case'],
    bytes: head('GET /case HTTP/1.1', 'Host: web', 'Connection: Host'),
  },
  {
    name: 'Connection cannot take an encoding away by its second field',
    forwarded: ['POST /case', 'GET /smuggled'],
    bytes: post(['Connection: keep-alive', 'Connection: Transfer-Encoding', chunked('chunked')], CHUNKS),
  },
  followed('Connection takes other fields away', 'Connection: X-Auth', 'X-Auth: 1'),
  followed('Connection with a name that is none', 'Connection: a b'),
  followed('Connection with empty members', 'Connection: ,,,'),
  followed('Connection takes TE along', 'Connection: TE', 'TE: trailers'),
  followed('fields of old proxies', 'Proxy-Connection: close', 'Keep-Alive: timeout=1'),
  {
    name: 'a connection that is to be closed ends behind its request',
    forwarded: ['GET /case'],
    last: true,
    bytes: head('GET /case HTTP/1.1', 'Host: web', 'Connection: close') + SMUGGLED,
  },
  {
    name: 'a connection that is to be closed takes no length away',
    forwarded: ['POST /case'],
    last: true,
    bytes: post(['Connection: close, Content-Length', BODY], SMUGGLED) + SMUGGLED,
  },
  {
    name: 'HTTP/1.0 ends behind its request',
    forwarded: ['GET /case'],
    last: true,
    bytes: head('GET /case HTTP/1.0', 'Host: web') + SMUGGLED,
  },
  {
    name: 'HTTP/1.0 with keep-alive goes on',
    forwarded: BOTH,
    bytes: head('GET /case HTTP/1.0', 'Host: web', 'Connection: keep-alive') + SMUGGLED,
  },
];

const expectations: readonly SmugglingCase[] = [
  {
    name: 'an expectation with a body that is there',
    forwarded: ['POST /case', 'GET /smuggled'],
    bytes: post(['Expect: 100-continue', 'Content-Length: 3'], `abc${SMUGGLED}`),
  },
  {
    name: 'an expectation in other letters, chunked',
    forwarded: ['POST /case', 'GET /smuggled'],
    bytes: post(['Expect: 100-CONTINUE', chunked('chunked')], `3\r\nabc\r\n${CHUNKS}`),
  },
  {
    name: 'Connection cannot take an expectation away',
    forwarded: ['POST /case', 'GET /smuggled'],
    bytes: post(['Connection: Expect', 'Expect: 100-continue', 'Content-Length: 3'], `abc${SMUGGLED}`),
  },
  {
    name: 'an expectation of HTTP/1.0',
    forwarded: ['POST /case', 'GET /smuggled'],
    bytes:
      head(
        'POST /case HTTP/1.0',
        'Host: web',
        'Connection: keep-alive',
        'Expect: 100-continue',
        'Content-Length: 3',
      ) + `abc${SMUGGLED}`,
  },
  followed('an expectation without a body', 'Expect: 100-continue'),
];

const upgrades: readonly SmugglingCase[] = [
  followed('an upgrade that is not taken', 'Connection: Upgrade', 'Upgrade: x'),
  followed(
    'an upgrade to HTTP/2',
    'Connection: Upgrade, HTTP2-Settings',
    'Upgrade: h2c',
    'HTTP2-Settings: AAMAAABkAAQAAP__',
  ),
  {
    name: 'an upgrade with a body',
    forwarded: ['POST /case'],
    bytes: post(['Connection: Upgrade', 'Upgrade: websocket', BODY], SMUGGLED),
  },
  {
    name: 'an upgrade with chunks',
    forwarded: ['POST /case', 'GET /smuggled'],
    bytes: post(['Connection: Upgrade', 'Upgrade: websocket', chunked('chunked')], CHUNKS),
  },
  {
    name: 'an upgrade in HTTP/1.0',
    forwarded: ['GET /case'],
    last: true,
    bytes: head('GET /case HTTP/1.0', 'Host: web', 'Connection: Upgrade', 'Upgrade: x') + SMUGGLED,
  },
];

export const SMUGGLING_CASES: readonly SmugglingCase[] = [
  ...FRAMING_CASES,
  ...connection,
  ...expectations,
  ...upgrades,
];
