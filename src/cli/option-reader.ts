// Reads the options of a command one by one, so that everything wrong with them can be said at once. An
// option that came without its value is `true`.

/** Reads one option at a time and remembers what is wrong. */
export class OptionReader {
  readonly errors: string[] = [];

  /** `fallback` when the option was not given, or wrongly. */
  read<T, F>(
    name: string,
    raw: string | true | undefined,
    parse: (text: string) => T | undefined,
    expected: string,
    fallback: F,
  ): T | F {
    if (raw === undefined) return fallback;
    if (raw === true || raw === '') {
      this.errors.push(`--${name} needs a value: ${expected}`);
      return fallback;
    }
    const value = parse(raw);
    if (value !== undefined) return value;
    this.errors.push(`--${name}: "${raw}" is not ${expected}`);
    return fallback;
  }
}

/** One of these words, in any case. */
export function oneOf<T extends string>(allowed: readonly T[]): (text: string) => T | undefined {
  return (text) => allowed.find((item) => item === text.toLowerCase());
}
