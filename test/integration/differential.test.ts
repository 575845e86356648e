// The proxy's HTTP/1 parser against node's strict one: each gets the same bytes. Where they disagree, the
// difference is one of those listed here, with its reason; and no listed difference is out of use.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { isDeepStrictEqual } from 'node:util';

import { grammarCase } from '../support/http1-grammar.js';
import { aClient, type Peer } from '../support/peer.js';
import { aProxy } from '../support/proxy-under-test.js';
import { aRawHttpServer, field, readResponse } from '../support/raw-http.js';
import { SMUGGLING_CASES } from '../support/smuggling-cases.js';

interface Verdict {
  /** The rule that is broken, in the words of who refused. */
  readonly refused: string | undefined;
  /** Method, target and body of each request. */
  readonly requests: readonly string[];
}

const LAST = 'GET /last HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n';
const LAST_SEEN = 'GET /last ""';

/** One reading of a byte stream: sends it, with a last request behind, and looks at what was answered. */
type Parser = (bytes: string) => Promise<Verdict>;

/** The rule that the first refusal names; undefined when every response was 200. */
async function refusalOf(client: Peer): Promise<string | undefined> {
  for (;;) {
    const response = await readResponse(client).catch((error: unknown) => {
      assert.match(String(error), /ended before|reset while/);
    });
    if (response === undefined) return 'closed without a response';
    if (response.status === 100) continue;
    if (response.status !== 200) {
      const error = field(response, 'l5d-proxy-error') ?? field(response, 'x-rule');
      return error?.replace(/^malformed request: /, '') ?? response.startLine;
    }
    if (field(response, 'connection') === 'close') return undefined;
  }
}

async function nodeParser(t: TestContext): Promise<Parser> {
  let seen: string[] = [];
  const server = createServer({ insecureHTTPParser: false, requireHostHeader: true }, (request, response) => {
    const body: Buffer[] = [];
    request.on('data', (chunk: Buffer) => body.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(body).toString('latin1');
      seen.push(`${request.method ?? ''} ${request.url ?? ''} ${JSON.stringify(text)}`);
      response.end('ok');
    });
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const rule = `X-Rule: ${error.code ?? error.message}`;
    socket.end(`HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n${rule}\r\n\r\n`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return async (bytes) => {
    seen = [];
    return verdict(await ask(t, port, bytes), () => seen);
  };
}

async function proxyParser(t: TestContext): Promise<Parser> {
  const proxy = aProxy(t, { workers: 1 });
  const server = await aRawHttpServer(t, undefined, { mayBreakOff: true });
  const { port } = proxy.route({ to: [server.port] });
  let begin = 0;
  return async (bytes) => {
    begin = server.requests.length;
    const refused = await ask(t, port, bytes);
    return verdict(refused, () =>
      server.requests
        .slice(begin)
        .map(({ method, target, body }) => `${method} ${target} ${JSON.stringify(body.toString('latin1'))}`),
    );
  };
}

async function ask(t: TestContext, port: number, bytes: string): Promise<string | undefined> {
  const client = await aClient(t, port);
  try {
    await client.send(bytes + LAST);
    // A message that wants more bytes than there are ends here, for both.
    client.finish();
    return await refusalOf(client);
  } finally {
    client.socket.destroy();
  }
}

function verdict(refused: string | undefined, seen: () => readonly string[]): Verdict {
  const requests = refused === undefined ? seen().filter((request) => request !== LAST_SEEN) : [];
  return { refused, requests };
}

interface Difference {
  readonly who: 'the proxy refuses' | 'node refuses';
  readonly rule: string;
  readonly why: string;
}

const DIFFERENCES: readonly Difference[] = [
  {
    who: 'the proxy refuses',
    rule: 'bare_line_feed',
    why: 'node takes a lone LF before a request line for an empty line',
  },
  {
    who: 'the proxy refuses',
    rule: 'bare_carriage_return',
    why: 'node takes a lone CR before a request line for an empty line',
  },
  {
    who: 'the proxy refuses',
    rule: 'bad_target',
    why: 'node skips spaces before a target, and takes fragments, user information and `*` for any method',
  },
  { who: 'the proxy refuses', rule: 'bad_version', why: 'node skips spaces before the version' },
  { who: 'the proxy refuses', rule: 'bad_host', why: 'node does not look into Host; the proxy routes by it' },
  { who: 'the proxy refuses', rule: 'duplicate_host', why: 'node uses the first of several Hosts' },
  { who: 'the proxy refuses', rule: 'host_mismatch', why: 'node does not compare absolute-form with Host' },
  {
    who: 'the proxy refuses',
    rule: 'bad_transfer_encoding',
    why: 'node takes other encodings before chunked, and empty list members',
  },
  { who: 'the proxy refuses', rule: 'bad_chunk_size', why: 'node takes any number of leading zeros' },
  {
    who: 'the proxy refuses',
    rule: 'bad_trailer',
    why: 'node keeps trailers apart, so that none can be mistaken for a field',
  },
  {
    who: 'the proxy refuses',
    rule: 'bad_chunk_extension',
    why: 'node takes extensions without a name; RFC 9112 §7.1.1 wants a token',
  },
  {
    who: 'the proxy refuses',
    rule: 'bad_start_line',
    why: 'node takes a line without a version for HTTP/0.9, and fields behind it',
  },
  {
    who: 'the proxy refuses',
    rule: 'bad_expectation',
    why: 'node finds 100-continue in a list, and drops the rest of it',
  },
  { who: 'the proxy refuses', rule: 'forbidden_body', why: 'node does not know that TRACE has no body' },
  {
    who: 'node refuses',
    rule: 'HPE_INVALID_METHOD',
    why: 'node has a list of methods; RFC 9110 §9.1 allows any token',
  },
  {
    who: 'node refuses',
    rule: 'HPE_INVALID_CONTENT_LENGTH',
    why: 'node does not trim a tab after a length; RFC 9110 §5.5 does',
  },
  {
    who: 'node refuses',
    rule: 'HPE_INVALID_TRANSFER_ENCODING',
    why: 'node does not trim a tab after an encoding; RFC 9110 §5.5 does',
  },
  {
    who: 'node refuses',
    rule: 'HPE_INVALID_CHUNK_SIZE',
    why: 'node does not skip space before an extension; RFC 9112 §7.1.1 does',
  },
  {
    who: 'node refuses',
    rule: 'HPE_CLOSED_CONNECTION',
    why: 'node wants nothing to come behind a request that ends the connection; RFC 9112 §9.6 ignores it',
  },
  {
    who: 'node refuses',
    rule: 'closed without a response',
    why: 'node takes bytes behind an Upgrade for the new protocol; it is a request until there is a 101',
  },
];

const BASES = [
  'GET /path?a=b HTTP/1.1\r\nHost: web\r\nX-One: 1\r\nAccept: */*\r\n\r\n',
  'POST /p HTTP/1.1\r\nHost: web\r\nContent-Length: 3\r\n\r\nabc',
  'POST /p HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
];
const INSERTED = [
  '\0',
  '\t',
  '\n',
  '\r',
  ' ',
  '"',
  ',',
  ':',
  ';',
  '/',
  '0',
  'x',
  '\x7f',
  '\x80',
  '#',
  '\r\n',
  '\r\n ',
];

function* mutations(): Generator<string> {
  for (const base of BASES) {
    for (let at = 0; at <= base.length; at += 1) {
      for (const inserted of INSERTED) yield base.slice(0, at) + inserted + base.slice(at);
      if (at < base.length) yield base.slice(0, at) + base.slice(at + 1);
    }
  }
}

const GRAMMAR_CASES = 3_000;

function* grammar(): Generator<string> {
  for (let seed = 1; seed <= GRAMMAR_CASES; seed += 1) yield grammarCase(seed);
}

const used = new Set<Difference>();

/** Fails for what the two disagree on without it being listed. */
async function compare(t: TestContext, cases: Iterable<string>): Promise<void> {
  const proxy = await proxyParser(t);
  const node = await nodeParser(t);
  const unlisted: string[] = [];
  const counts = { both: 0, neither: 0, one: 0 };
  for (const bytes of cases) {
    const ours = await proxy(bytes);
    const theirs = await node(bytes);
    if (ours.refused !== undefined && theirs.refused !== undefined) {
      counts.neither += 1;
      continue;
    }
    // Accepted by both: then they have to mean the same.
    if (isDeepStrictEqual(ours, theirs)) {
      counts.both += 1;
      continue;
    }
    counts.one += 1;
    const who = ours.refused === undefined ? 'node refuses' : 'the proxy refuses';
    const rule = ours.refused ?? theirs.refused ?? 'read differently';
    const listed = DIFFERENCES.find((each) => each.who === who && each.rule === rule);
    if (listed === undefined) unlisted.push(`${who}, ${rule}: ${JSON.stringify(bytes)}`);
    else used.add(listed);
  }
  t.diagnostic(`taken by both ${counts.both}, by neither ${counts.neither}, by one ${counts.one}`);
  assert.deepEqual(unlisted.slice(0, 20), [], `${unlisted.length} unlisted differences`);
}

test('every byte inserted or left out anywhere is read alike, but for the listed differences', async (t) => {
  await compare(t, new Set([...mutations(), ...SMUGGLING_CASES.map((one) => one.bytes)]));
});

test('requests by grammar, right and wrong, are read alike, but for the listed differences', async (t) => {
  await compare(t, new Set(grammar()));
});

test('every listed difference was met', () => {
  assert.deepEqual(
    DIFFERENCES.filter((each) => !used.has(each)),
    [],
  );
});
