// Plain log lines: one line whatever the values contain.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { formatPlain } from '../../../src/logs/log-format.js';

const CASES: readonly { about: string; line: string; args: Parameters<typeof formatPlain> }[] = [
  {
    about: 'fields follow the message, and the time is padded',
    line: '[   0.001s] INFO listening address=127.0.0.1:80 workers=4',
    args: [1, 'info', 'listening', { address: '127.0.0.1:80', workers: 4 }],
  },
  {
    about: 'long runs widen the time',
    line: '[123456.789s] WARN late',
    args: [123_456_789, 'warn', 'late', {}],
  },
  {
    about: 'lines older than the start count as zero',
    line: '[   0.000s] INFO early',
    args: [-5, 'info', 'early', {}],
  },
  {
    about: 'values with spaces, quotes or line ends are quoted',
    line: String.raw`[   0.000s] INFO m a="b c" d="e\"f" g="h\ni" j=""`,
    args: [0, 'info', 'm', { a: 'b c', d: 'e"f', g: 'h\ni', j: '' }],
  },
  {
    about: 'control characters of a message cannot move the cursor',
    line: String.raw`[   0.000s] INFO a\nb\u001b[31m`,
    args: [0, 'info', 'a\nb\u001b[31m', {}],
  },
  {
    about: 'undefined fields are left out',
    line: '[   0.000s] INFO m b=null',
    args: [0, 'info', 'm', { a: undefined, b: null }],
  },
  {
    about: 'errors, big numbers and lists are readable',
    line: '[   0.000s] INFO m e="TypeError: no" n=12 l=[1,2]',
    args: [0, 'info', 'm', { e: new TypeError('no'), n: 12n, l: [1, 2] }],
  },
];

for (const { about, line, args } of CASES) {
  test(about, () => {
    assert.equal(formatPlain(...args), line);
  });
}
