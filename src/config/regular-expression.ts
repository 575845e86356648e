// Whether the data plane will understand a regular expression: it speaks RE2, and so does this check.
// Anything else (look-around, references to groups) would be refused there, without its place in the file.
import { RE2JS } from 're2js';

/** RE2 compiles a program of bounded size; longer patterns are mistakes. */
const LONGEST_PATTERN = 2048;

/** What is wrong with the pattern, or undefined when it is a regular expression of RE2. */
export function regularExpressionError(pattern: string): string | undefined {
  if (pattern.length > LONGEST_PATTERN) return `longer than ${String(LONGEST_PATTERN)} characters`;
  try {
    RE2JS.compile(pattern);
    return undefined;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return message.replace(/^error parsing regexp: /, '');
  }
}
