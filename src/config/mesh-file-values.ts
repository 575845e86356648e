// What the keys of a mesh file are made of: mappings, lists, numbers, durations, text that is parsed.
// Messages complete the sentence "<path> …" and show what was written.
import * as v from 'valibot';

import { closest } from '../core/closest.js';
import { parseDuration } from '../core/duration.js';
import { LARGEST_PORT } from '../core/ip.js';
import { parseHostName } from './host-name.js';

/** Longest duration: what 32-bit timers count, about 24 days. */
const LONGEST_DURATION_MS = 2 ** 31 - 1;

/** Shows a value in a message, short and on one line. */
export function show(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

export function mustBe(what: string): (issue: { readonly input: unknown }) => string {
  return (issue) => `must be ${what}, but is ${show(issue.input)}`;
}

/** Lists are objects too, for the library: their places would be taken for keys. */
export function mapping(what: string): v.GenericSchema<object> {
  const isMapping = (input: unknown): boolean =>
    typeof input === 'object' && input !== null && !Array.isArray(input);
  return v.custom<object>(isMapping, mustBe(what));
}

/** A mapping with exactly these keys; a wrong one is answered with the nearest right one. */
export function section<const Entries extends v.ObjectEntries>(
  entries: Entries,
): v.GenericSchema<unknown, v.InferOutput<v.StrictObjectSchema<Entries, undefined>>> {
  const keys = v.strictObject(entries, (issue) => {
    if (issue.expected !== 'never') return 'is missing';
    const meant = closest(String(issue.path?.at(-1)?.key), Object.keys(entries));
    return meant === undefined
      ? `is not known; known here: ${Object.keys(entries).join(', ')}`
      : `is not known; did you mean "${meant}"?`;
  });
  return v.pipe(mapping('a mapping'), keys);
}

export function list<Item extends v.GenericSchema>(
  item: Item,
): v.ArraySchema<Item, (issue: v.ArrayIssue) => string> {
  return v.array(item, mustBe('a list'));
}

/** Text that `parse` understands, as what it makes of it. */
export function textOf<T>(what: string, parse: (text: string) => T | undefined): v.GenericSchema<unknown, T> {
  return v.pipe(
    v.string(mustBe(what)),
    v.rawTransform<string, T>(({ dataset, addIssue, NEVER }) => {
      const value = parse(dataset.value);
      if (value !== undefined) return value;
      addIssue({ message: mustBe(what)({ input: dataset.value }) });
      return NEVER;
    }),
  );
}

/** Different schemas for different kinds of value, so that messages are about the kind that was written. */
export function byKind<T>(
  choose: (input: unknown) => v.GenericSchema<unknown, T>,
): v.GenericSchema<unknown, T> {
  return v.lazy(choose);
}

export function wholeNumber(smallest: number, largest: number): v.GenericSchema<unknown, number> {
  const message = mustBe(`a whole number from ${String(smallest)} to ${String(largest)}`);
  const fits = (value: number): boolean => Number.isInteger(value) && value >= smallest && value <= largest;
  return v.pipe(v.number(message), v.check(fits, message));
}

export const flag = v.boolean(mustBe('true or false'));
export const portNumber = wholeNumber(1, LARGEST_PORT);
export const hostName = textOf('a host name', parseHostName);

export function duration(smallestMs: 0 | 1): v.GenericSchema<unknown, number> {
  const what = 'a duration such as 250ms, 10s or 1m30s';
  const text = textOf(what, (written) => {
    const milliseconds = parseDuration(written);
    return milliseconds !== undefined && milliseconds <= LONGEST_DURATION_MS ? milliseconds : undefined;
  });
  return v.pipe(
    byKind((input) => (input === 0 ? v.literal(0) : text)),
    v.minValue(smallestMs, 'must be longer than 0'),
  );
}

/** A share, or a random part. */
export const fraction = v.pipe(
  v.number(mustBe('a number from 0 to 1')),
  v.check((value) => value >= 0 && value <= 1, mustBe('a number from 0 to 1')),
);
