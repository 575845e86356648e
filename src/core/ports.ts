// Sets of ports as closed ranges, such as `25` and `5000-5010`.
import { parsePort } from './ip.js';

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** `N` or `N-M` with 1 ≤ N ≤ M ≤ 65535, or undefined. */
export function parsePortRange(text: string): PortRange | undefined {
  const [firstText = '', lastText, ...rest] = text.split('-');
  const first = parsePort(firstText);
  const last = lastText === undefined ? first : parsePort(lastText);
  if (first === undefined || last === undefined || rest.length > 0) return undefined;
  return first >= 1 && first <= last ? { first, last } : undefined;
}

export function formatPortRange(range: PortRange): string {
  return range.first === range.last ? String(range.first) : `${String(range.first)}-${String(range.last)}`;
}

export function containsPort(ranges: readonly PortRange[], port: number): boolean {
  return ranges.some((range) => range.first <= port && port <= range.last);
}

export function rangesOverlap(one: PortRange, other: PortRange): boolean {
  return one.first <= other.last && other.first <= one.last;
}
