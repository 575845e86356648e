// Host names as they may stand in a mesh file and in an authority: lower case, without the root's dot.

/** RFC 1123 §2.1, with the underscore that SRV owner names need (RFC 2782). */
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
const LONGEST_NAME = 253;

/** The name in lower case, or undefined when it cannot be one (an IPv4 address is none either). */
export function parseHostName(text: string): string | undefined {
  // Lower case makes ASCII letters of some others (the Kelvin sign, for one).
  if (!/^[\x21-\x7e]+$/.test(text)) return undefined;
  const name = text.toLowerCase().replace(/\.$/, '');
  if (name.length > LONGEST_NAME) return undefined;
  const labels = name.split('.');
  // A last label of digits only makes it an address, or something that resolvers take for one.
  if (/^\d+$/.test(labels.at(-1) ?? '')) return undefined;
  return labels.every((label) => LABEL.test(label)) ? name : undefined;
}
