// Following what a client sends over HTTP/2, to close the connection behind its complaint.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { GoawayScanner } from '../../../src/control/guarded-socket.js';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

function frame(type: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  return Buffer.concat([header, payload]);
}

function goaway(code: number, words = ''): Buffer {
  const fixed = Buffer.alloc(8);
  fixed.writeUInt32BE(code, 4);
  return frame(7, Buffer.concat([fixed, Buffer.from(words)]));
}

const SETTINGS = frame(4, Buffer.alloc(6));
/** Looks like a GOAWAY to whoever does not follow the lengths. */
const DATA = frame(0, goaway(1));

test('a GOAWAY with an error code is found, however what is sent is cut', () => {
  const sent = Buffer.concat([PREFACE, SETTINGS, DATA, goaway(0, 'bye'), DATA, goaway(6, 'too large')]);
  for (let size = 1; size <= sent.length; size += 1) {
    const scanner = new GoawayScanner();
    const codes: (number | undefined)[] = [];
    for (let at = 0; at < sent.length; at += size) codes.push(scanner.scan(sent.subarray(at, at + size)));
    assert.deepEqual(
      codes.filter((code) => code !== undefined),
      [6],
      `in pieces of ${String(size)}`,
    );
  }
});

test('other frames, and a GOAWAY without error, are none', () => {
  const scanner = new GoawayScanner();
  assert.equal(
    scanner.scan(Buffer.concat([PREFACE, SETTINGS, DATA, goaway(0), frame(6, Buffer.alloc(8))])),
    undefined,
  );
});
