// A strict reader of the Prometheus text format 0.0.4: throws on anything that the format does not
// allow, so that a page can be checked as a whole and its samples compared.
import assert from 'node:assert/strict';

export interface ParsedSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ParsedFamily {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: ParsedSample[];
}

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const TYPES = new Set(['counter', 'gauge', 'histogram', 'summary', 'untyped']);

function parseLabels(text: string): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {};
  let rest = text;
  while (rest !== '') {
    const match = LABEL.exec(rest);
    assert.ok(match, `labels: ${text}`);
    const [whole, name = '', value = ''] = match;
    assert.ok(!(name in labels), `label ${name} twice: ${text}`);
    labels[name] = value.replaceAll(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char));
    rest = rest.slice(whole.length);
  }
  return labels;
}

function parseValue(text: string): number {
  if (text === '+Inf') return Infinity;
  if (text === '-Inf') return -Infinity;
  assert.match(text, /^(?:NaN|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/, `value ${text}`);
  return Number(text);
}

function belongsTo(sample: string, family: ParsedFamily): boolean {
  const suffixes = family.type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
  if (family.type === 'summary') suffixes.push('', '_sum', '_count');
  return suffixes.some((suffix) => sample === family.name + suffix);
}

/** Cumulative, ascending, ended by +Inf, which equals the count. */
function checkHistogram(family: ParsedFamily): void {
  const series = new Map<string, { le: number; value: number }[]>();
  for (const { name, labels, value } of family.samples) {
    if (!name.endsWith('_bucket')) continue;
    const { le, ...others } = labels;
    assert.ok(le !== undefined, `${name} without le`);
    const key = JSON.stringify(others);
    series.set(key, [...(series.get(key) ?? []), { le: parseValue(le), value }]);
  }
  for (const [key, buckets] of series) {
    for (const [i, bucket] of buckets.entries()) {
      const before = buckets[i - 1];
      if (before === undefined) continue;
      assert.ok(bucket.le > before.le, `${family.name}: bounds ascend`);
      assert.ok(bucket.value >= before.value, `${family.name}: buckets are cumulative`);
    }
    const last = buckets.at(-1);
    assert.equal(last?.le, Infinity, `${family.name}: the last bound is +Inf`);
    const count = family.samples.find(
      ({ name, labels }) => name === `${family.name}_count` && JSON.stringify(labels) === key,
    );
    assert.equal(count?.value, last.value, `${family.name}: count equals the +Inf bucket`);
  }
}

export function parsePrometheusText(text: string): Map<string, ParsedFamily> {
  assert.ok(text.endsWith('\n'), 'the page ends with a newline');
  const families = new Map<string, ParsedFamily>();
  let family: ParsedFamily | undefined;
  let help: { name: string; text: string } | undefined;
  const seen = new Set<string>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line) ?? [];
    if (keyword === 'HELP') {
      help = { name, text: rest };
    } else if (keyword === 'TYPE') {
      assert.match(name, METRIC_NAME);
      assert.ok(TYPES.has(rest), `type ${rest}`);
      assert.equal(help?.name, name, 'help stands before type');
      assert.ok(!families.has(name), `family ${name} twice`);
      family = { name, help: help.text, type: rest, samples: [] };
      families.set(name, family);
    } else {
      const match = SAMPLE.exec(line);
      assert.ok(match, `no sample: ${line}`);
      const [, sample = '', labelText = '', value = ''] = match;
      assert.ok(family !== undefined && belongsTo(sample, family), `${sample} is outside of its family`);
      const labels = parseLabels(labelText);
      const key = `${sample}${JSON.stringify(Object.entries(labels).sort())}`;
      assert.ok(!seen.has(key), `sample twice: ${line}`);
      seen.add(key);
      family.samples.push({ name: sample, labels, value: parseValue(value) });
    }
  }
  for (const each of families.values()) if (each.type === 'histogram') checkHistogram(each);
  return families;
}
