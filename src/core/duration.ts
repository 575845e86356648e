// Durations as people write them: `250ms`, `10s`, `1m30s`, `2h`, `7d`, and `0`. Whole numbers only;
// units from large to small, each at most once. Held as milliseconds everywhere else.

const UNITS: readonly (readonly [unit: string, milliseconds: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
];

const DURATION = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;

/** Milliseconds, or undefined when `text` is not a duration. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  const match = DURATION.exec(text);
  if (match === null || text === '') return undefined;
  let total = 0;
  for (const [index, [, milliseconds]] of UNITS.entries()) {
    const count = match[index + 1];
    if (count !== undefined) total += Number(count) * milliseconds;
  }
  return Number.isSafeInteger(total) ? total : undefined;
}

/** The shortest text that parses back to the same whole number of milliseconds. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return '0';
  let rest = milliseconds;
  let text = '';
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size);
    if (count === 0) continue;
    text += `${String(count)}${unit}`;
    rest -= count * size;
  }
  return text;
}
