// From a path of keys in a YAML document to the line and column where it is written, also through
// aliases. A path that leads nowhere (a missing key) gets the place of its nearest parent.
import { isAlias, isMap, isScalar, isSeq, type Document, type LineCounter, type Node } from 'yaml';

export interface Position {
  readonly line: number;
  readonly column: number;
}

export function positionOf(
  document: Document,
  lines: LineCounter,
  path: readonly (string | number)[],
  /** Point at the key when the key itself is what is wrong, otherwise at its value. */
  which: 'key' | 'value',
): Position {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const [index, step] of path.entries()) {
    const last = index === path.length - 1;
    const target: unknown = isAlias(node) ? node.resolve(document) : node;
    if (isMap(target)) {
      const pair = target.items.find((item) => keyText(item.key) === String(step));
      if (pair === undefined) break;
      const keyOffset = startOf(pair.key);
      offset = (last && which === 'key' ? undefined : startOf(pair.value)) ?? keyOffset ?? offset;
      // A nested mapping begins at its first key, lines below: its own key says more.
      if (isMap(pair.value) && pair.value.flow !== true) offset = keyOffset ?? offset;
      node = pair.value;
    } else if (isSeq(target)) {
      node = target.items[Number(step)];
      offset = startOf(node) ?? offset;
    } else {
      break;
    }
  }
  const { line, col } = lines.linePos(offset);
  return { line, column: col };
}

/** `services.web.endpoints[2].weight`. */
export function pathText(path: readonly (string | number)[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${String(step)}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}

export function keyText(key: unknown): string {
  return isScalar(key) ? String(key.value) : String(key);
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
