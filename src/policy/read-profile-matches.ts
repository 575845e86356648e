// Conditions of a ServiceProfile as matches of routes: paths and methods under all, any and not (reference,
// behaviour §4.10, wire API §3 RequestMatch). A condition of which any part cannot be read is none.
import type { PathMatch, RequestMatch } from '../api/gen/destination_pb.js';
import { regularExpressionError } from '../config/regular-expression.js';
import { ANY_REQUEST, type RequestMatchConfig } from '../config/route-config.js';
import { readMethod } from './read-matches.js';
import type { Reading } from './reading.js';

/** What the data plane takes. */
const DEEPEST = 16;

/** One of them must match; none of none does. Mistakes go to `reading`. */
export function readCondition(
  reading: Reading,
  path: string,
  message: RequestMatch | undefined,
): readonly RequestMatchConfig[] {
  const matches = readAlternatives(reading, path, message, 0);
  if (matches.some((match) => depthOf(match) > DEEPEST)) reading.fail(path, 'is nested too deeply');
  return matches;
}

function readAlternatives(
  reading: Reading,
  path: string,
  message: RequestMatch | undefined,
  depth: number,
): readonly RequestMatchConfig[] {
  if (message?.match.case !== 'any') return [readMatch(reading, path, message, depth)];
  return message.match.value.matches.flatMap((inner, index) =>
    readAlternatives(reading, `${path}.any.matches[${String(index)}]`, inner, depth + 1),
  );
}

function readMatch(
  reading: Reading,
  path: string,
  message: RequestMatch | undefined,
  depth: number,
): RequestMatchConfig {
  const match = message?.match;
  if (depth > DEEPEST) {
    reading.fail(path, 'is nested too deeply');
    return ANY_REQUEST;
  }
  switch (match?.case) {
    case 'all':
      return match.value.matches
        .map((inner, index) => readMatch(reading, `${path}.all.matches[${String(index)}]`, inner, depth + 1))
        .reduce(both, ANY_REQUEST);
    case 'any':
      // Whatever is not none of them.
      return {
        ...ANY_REQUEST,
        none: [{ ...ANY_REQUEST, none: readAlternatives(reading, path, message, depth) }],
      };
    case 'not':
      return { ...ANY_REQUEST, none: readAlternatives(reading, `${path}.not`, match.value, depth + 1) };
    case 'path':
      return { ...ANY_REQUEST, path: readPath(reading, `${path}.path`, match.value) };
    case 'method':
      return { ...ANY_REQUEST, method: readMethod(reading, `${path}.method`, match.value) };
    case undefined:
      reading.fail(path, 'is missing');
      return ANY_REQUEST;
  }
}

/** One match for what both ask: in the fields of `one` where these are free. */
function both(one: RequestMatchConfig, other: RequestMatchConfig): RequestMatchConfig {
  const pathTaken = one.path !== undefined && other.path !== undefined;
  const methodTaken = one.method !== '' && other.method !== '';
  if (pathTaken || methodTaken) return { ...one, all: [...(one.all ?? []), other] };
  return {
    ...ANY_REQUEST,
    path: one.path ?? other.path,
    method: one.method === '' ? other.method : one.method,
    ...listOf('all', one.all, other.all),
    ...listOf('none', one.none, other.none),
  };
}

function listOf(
  name: 'all' | 'none',
  one: readonly RequestMatchConfig[] = [],
  other: readonly RequestMatchConfig[] = [],
): Pick<RequestMatchConfig, 'all' | 'none'> {
  return one.length + other.length === 0 ? {} : { [name]: [...one, ...other] };
}

function depthOf({ all = [], none = [] }: RequestMatchConfig): number {
  return 1 + Math.max(0, ...[...all, ...none].map(depthOf));
}

/** It always means the whole path, whether it says so or not. */
function readPath(
  reading: Reading,
  path: string,
  { regex }: PathMatch,
): Exclude<RequestMatchConfig['path'], undefined> {
  const trimmed = regex.trim();
  const text = `${trimmed.startsWith('^') ? '' : '^'}${trimmed}${trimmed.endsWith('$') ? '' : '$'}`;
  const error = regularExpressionError(text);
  if (error !== undefined) reading.fail(`${path}.regex`, `is not a regular expression: ${error}`);
  return { kind: 'regex', text };
}
