// Splits the command line so that everything wrong with it can be reported at once: what follows `--`
// belongs to the command to run and is never looked at; what the parser left over is named.
import { closest } from '../core/closest.js';

export interface SplitArguments {
  /** For sluice. */
  readonly own: readonly string[];
  /** After `--`; undefined when there is no `--`. */
  readonly command: readonly string[] | undefined;
}

export function splitArguments(argv: readonly string[]): SplitArguments {
  const mark = argv.indexOf('--');
  return mark < 0
    ? { own: argv, command: undefined }
    : { own: argv.slice(0, mark), command: argv.slice(mark + 1) };
}

/** A message for each argument that no option took. `options` are the long names, with dashes. */
export function leftoverErrors(leftover: readonly string[], options: readonly string[]): string[] {
  const errors: string[] = [];
  let afterUnknown = false;
  for (const argument of leftover) {
    if (argument.startsWith('-') && argument !== '-') {
      const name = argument.split('=', 1)[0] ?? argument;
      const meant = closest(name, options);
      errors.push(`unknown option ${name}${meant === undefined ? '' : `; did you mean ${meant}?`}`);
      afterUnknown = true;
    } else if (afterUnknown) {
      // Most likely the value of the unknown option.
      afterUnknown = false;
    } else {
      errors.push(`unexpected argument "${argument}"`);
    }
  }
  return errors;
}
