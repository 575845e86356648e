// Grammars of the values of LINKERD2_PROXY_* variables that stand for themselves: durations, numbers,
// switches, words, paths (reference, proxy behaviour §1.2). Each reads the whole text, takes exactly
// what linkerd2-proxy takes, and says what is expected otherwise. Addresses and names are in
// proxy-address-values.ts.
import { failure, type Result, success } from '../core/result.js';

/** How text becomes a value. */
export interface Grammar<T> {
  /** As docs/environment.md names it. */
  readonly name: string;
  /** The error says what is expected; it completes `NAME="value" is not valid: …`. */
  readonly parse: (text: string) => Result<T, string>;
}

/** The grammar of those for whom undefined means that the text is not valid. */
export function grammar<T>(
  name: string,
  expected: string,
  parse: (text: string) => T | undefined,
): Grammar<T> {
  return {
    name,
    parse: (text) => {
      const value = parse(text);
      return value === undefined ? failure(`expected ${expected}`) : success(value);
    },
  };
}

const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

/** Not the durations of mesh files: one number with one unit, and blanks around it are allowed. */
function parseDuration(text: string): number | undefined {
  const [, digits, unit] = /^\s*(\d+)(ms|s|m|h|d)?\s*$/.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const count = Number(digits);
  const unitMs = unit === undefined ? undefined : UNIT_MS.get(unit);
  if (unitMs === undefined) return count === 0 ? 0 : undefined;
  const milliseconds = count * unitMs;
  return Number.isSafeInteger(milliseconds) ? milliseconds : undefined;
}

const DURATION_EXPECTED = 'a whole number with a unit, ms, s, m, h or d, such as 500ms, or 0';

/** Milliseconds. */
export const duration = grammar('duration', DURATION_EXPECTED, parseDuration);

/** Milliseconds; an empty text is the value `none`. */
export const optionalDuration: Grammar<number | 'none'> = grammar(
  'duration or empty',
  `${DURATION_EXPECTED}, or nothing`,
  (text) => (text === '' ? 'none' : parseDuration(text)),
);

export const bool = grammar('bool', 'true or false', (text) =>
  text === 'true' ? true : text === 'false' ? false : undefined,
);

const U32_MAX = 2n ** 32n - 1n;
const U64_MAX = 2n ** 64n - 1n;

function parseWhole(text: string, max: bigint): number | undefined {
  if (!/^\+?\d+$/.test(text)) return undefined;
  const value = BigInt(text.replace('+', ''));
  if (value > max) return undefined;
  // Numbers this large are only a way to say "without limit".
  return Number(value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : value);
}

/** 0 to 2⁶⁴ - 1; what a number cannot hold exactly is taken as the largest it can. */
export const count = grammar('whole number', 'a whole number', (text) => parseWhole(text, U64_MAX));

export const u32 = grammar('32-bit number', `a whole number up to ${U32_MAX.toString()}`, (text) =>
  parseWhole(text, U32_MAX),
);

function parseDecimal(text: string): number | undefined {
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

export const decimal = grammar('number', 'a number, such as 0.1', parseDecimal);

/** A number of processors: at least one. */
export const positiveCount = grammar('positive number', 'a whole number above 0', (text) => {
  const value = parseWhole(text, U64_MAX);
  return value === 0 ? undefined : value;
});

/** More than 0, at most 1. */
export const ratio = grammar('ratio', 'a number above 0 and at most 1', (text) => {
  const value = parseDecimal(text);
  return value !== undefined && value > 0 && value <= 1 ? value : undefined;
});

/** Exactly one of some words. */
export function word<T extends string>(...allowed: readonly T[]): Grammar<T> {
  return grammar(allowed.map((item) => `\`${item}\``).join(', '), `one of ${allowed.join(', ')}`, (text) =>
    allowed.find((item) => item === text),
  );
}

/** One of some words, in any case and with blanks around it: how the own variables are written. */
export function anyCaseWord<T extends string>(...allowed: readonly T[]): Grammar<T> {
  const exact = word(...allowed);
  return { ...exact, parse: (text) => exact.parse(text.trim().toLowerCase()) };
}

/** Anything at all, as it is. */
export const text: Grammar<string> = { name: 'text', parse: success };

export const path = grammar('path', 'a path', (value) => (value === '' ? undefined : value));

/** A socket of this host: a path, by itself or after `unix:`. */
export const unixSocket = grammar('path of a socket', 'a path, or unix: and a path', (value) => {
  const socketPath = value.replace(/^unix:/, '').replace(/^\/+/, '/');
  return socketPath === '' ? undefined : socketPath;
});

/** Whether it is a bundle is all that is asked here; certificates are read by who uses them. */
export const pem = grammar('PEM', 'certificates in PEM form, at least one', (value) =>
  /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.test(value) ? value : undefined,
);

/** `key=value` lines; quotes around a value are not part of it, and other lines are not read. */
export function parseAttributeLines(lines: string): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  for (const line of lines.split(/\r?\n/)) {
    const sign = line.indexOf('=');
    if (sign < 0) continue;
    attributes.set(line.slice(0, sign), line.slice(sign + 1).replace(/^"+|"+$/g, ''));
  }
  return attributes;
}

export const attributes: Grammar<ReadonlyMap<string, string>> = {
  name: 'lines of key=value',
  parse: (value) => success(parseAttributeLines(value)),
};
