// Filters of the log: their grammar, and which lines they let through.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { LOG_LEVELS } from '../../../src/config/environment.js';
import { type Filterable, LogFilter } from '../../../src/logs/log-filter.js';
import { DATA_PLANE_TARGETS, LOG_TARGETS } from '../../../src/logs/log-record.js';

function filter(text: string): LogFilter {
  const parsed = LogFilter.parse(text);
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.error);
  return parsed.value;
}

function line(level: Filterable['level'], parts: Partial<Filterable> = {}): Filterable {
  return { level, target: 'linkerd_app', spans: [], fields: {}, ...parts };
}

const DEFAULT = 'warn,linkerd=info,hickory=error';
const IN_OUTBOUND = { spans: [{ name: 'outbound', fields: {} }] };
const IN_PROXY = { spans: [{ name: 'proxy', fields: { addr: '10.0.0.1:80' } }] };
const WITH_HEADERS = { fields: { headers: 'a: b' } };

for (const [text, asked, isLet] of [
  // The default.
  [DEFAULT, line('info'), true],
  [DEFAULT, line('debug'), false],
  [DEFAULT, line('info', { target: 'linkerd2_proxy' }), true],
  [DEFAULT, line('info', { target: 'h2' }), false],
  [DEFAULT, line('warn', { target: 'h2' }), true],
  [DEFAULT, line('warn', { target: LOG_TARGETS.dns }), false],
  [DEFAULT, line('error', { target: LOG_TARGETS.dns }), true],
  // Levels, by name in any case and by number.
  ['DEBUG', line('debug'), true],
  ['debug', line('trace'), false],
  ['4', line('debug'), true],
  ['0', line('error'), false],
  ['off', line('error'), false],
  ['linkerd=OFF,info', line('error'), false],
  ['linkerd=5', line('trace'), true],
  // Nothing means errors.
  ['', line('error'), true],
  ['', line('warn'), false],
  [' , ', line('warn'), false],
  // Targets: the longer one decides, in any order, and the last of equal ones.
  ['linkerd_app_outbound=debug,linkerd=warn', line('debug', { target: 'linkerd_app_outbound' }), true],
  ['linkerd_app_outbound=debug,linkerd=warn', line('info', { target: 'linkerd_app_inbound' }), false],
  ['trace,linkerd=warn', line('info'), false],
  ['linkerd_app_core::control=debug', line('debug', { target: 'linkerd_app_core::control' }), true],
  ['info,linkerd=debug', line('debug', { target: 'other' }), false],
  ['linkerd=debug', line('error', { target: 'other' }), false],
  ['linkerd=debug,linkerd=error', line('info'), false],
  // Without a level: everything.
  ['linkerd', line('trace'), true],
  ['linkerd=', line('trace'), true],
  ['warn, linkerd=info', line('info'), true],
  // Fields of the line: what hides them wins over what lets targets through.
  ['linkerd=debug,[{headers}]=off,[{request}]=off', line('debug', WITH_HEADERS), false],
  ['linkerd=debug,[{headers}]=off,[{request}]=off', line('error', WITH_HEADERS), false],
  ['linkerd=debug,[{headers}]=off,[{request}]=off', line('debug'), true],
  ['warn,[{headers}]=debug', line('debug', WITH_HEADERS), true],
  ['warn,[{headers,port}]=debug', line('debug', WITH_HEADERS), false],
  ['warn,linkerd[{headers}]=debug', line('debug', { ...WITH_HEADERS, target: 'h2' }), false],
  ['warn,[{message}]=debug', line('debug'), true],
  // Spans let lines within through, and hide none.
  ['warn,[outbound]=debug', line('debug', IN_OUTBOUND), true],
  ['warn,[outbound]=debug', line('debug'), false],
  ['warn,[inbound]=debug', line('debug', IN_OUTBOUND), false],
  ['warn,h2[outbound]=debug', line('debug', IN_OUTBOUND), false],
  ['warn,linkerd[outbound]=debug', line('debug', IN_OUTBOUND), true],
  ['info,[outbound]=off', line('info', IN_OUTBOUND), true],
  ['warn,[proxy{addr}]=trace', line('trace', IN_PROXY), true],
  ['warn,[proxy{port}]=trace', line('trace', IN_PROXY), false],
  ['warn,[proxy{addr=10.0.0.1:80}]=trace', line('trace', IN_PROXY), true],
  ['warn,[proxy{addr="10.0.0.1:80"}]=trace', line('trace', IN_PROXY), true],
  ['warn,[proxy{addr=10.0.0.2:80}]=trace', line('trace', IN_PROXY), false],
  ['warn,[{addr=10.0.0.1:80}]=trace', line('trace', IN_PROXY), true],
  ['warn,[proxy{addr=10.0.0.1:80,port=1}]=trace', line('trace', IN_PROXY), false],
] as const) {
  const where = [asked.target, ...asked.spans.map(({ name }) => name), ...Object.keys(asked.fields)].join(
    ' ',
  );
  test(`"${text}" ${isLet ? 'lets' : 'does not let'} ${asked.level} of ${where} through`, () => {
    assert.equal(filter(text).enables(asked), isLet);
  });
}

for (const text of [
  'linkerd=loud',
  'linkerd=6',
  'a b',
  '=info',
  'linkerd==info',
  '[',
  'linkerd[outbound',
  '[outbound]info',
  '[{}]=info',
  '[x{=1}]=info',
  'info;debug',
  'caf\u00e9=info',
  '\ufffd',
]) {
  test(`"${text}" is no filter, and the error says which directive is wrong`, () => {
    const parsed = LogFilter.parse(`warn,${text}`);
    assert.ok(!parsed.ok);
    assert.ok(parsed.error.startsWith(`invalid filter directive ${JSON.stringify(text)}`), parsed.error);
  });
}

test('a filter says what it was made of', () => {
  assert.equal(filter(`${DEFAULT}\n`).text, DEFAULT);
});

test('the loudest level of some targets is what a line of them can have at most', () => {
  assert.equal(filter(DEFAULT).loudest(DATA_PLANE_TARGETS), 'info');
  assert.equal(filter('warn,hickory=trace').loudest(DATA_PLANE_TARGETS), 'warn');
  assert.equal(filter('warn,hickory=trace').loudest(), 'trace');
  assert.equal(filter('warn,[outbound]=debug').loudest(DATA_PLANE_TARGETS), 'debug');
  assert.equal(filter('hickory=debug').loudest(DATA_PLANE_TARGETS), 'off');
});

const anyText = fc.oneof(
  fc.string(),
  fc
    .array(fc.constantFrom('warn', 'linkerd', '=', ',', '[', ']', '{', '}', 'a', '0'), { maxLength: 12 })
    .map((parts) => parts.join('')),
);

test('no text makes the parser throw', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      LogFilter.parse(text);
    }),
  );
});

test('no line is let through above the loudest level', () => {
  const target = fc.constantFrom('linkerd', 'linkerd_app', 'linkerd_app_outbound', 'hickory', 'h2');
  const directive = fc
    .tuple(target, fc.constantFrom(...LOG_LEVELS))
    .map(([name, level]) => `${name}=${level}`);
  const level = fc.constantFrom('trace', 'debug', 'info', 'warn', 'error');
  fc.assert(
    fc.property(fc.array(directive), target, level, (directives, of, asked) => {
      const made = filter(directives.join(','));
      if (!made.enables(line(asked, { target: of }))) return;
      assert.ok(LOG_LEVELS.indexOf(asked) >= LOG_LEVELS.indexOf(made.loudest([of])));
    }),
  );
});
