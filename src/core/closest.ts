// Finds the word somebody probably meant, for "did you mean" in error messages.

/** At most this many letters may be wrong, missing or too many. */
const LARGEST_DISTANCE = 2;

/** The candidate nearest to `word`, when one is near enough to be what was meant. */
export function closest(word: string, candidates: Iterable<string>): string | undefined {
  // Short words are near to everything: a third of the letters must be right at least.
  let best = { distance: Math.min(LARGEST_DISTANCE, Math.floor(word.length / 2)) + 1, candidate: '' };
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < best.distance) best = { distance, candidate };
  }
  return best.candidate === '' ? undefined : best.candidate;
}

/** Levenshtein distance, one row of the table at a time. */
function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [index, letter] of Array.from(one).entries()) {
    const next = [index + 1];
    for (const [column, otherLetter] of Array.from(other).entries()) {
      const substitution = (row[column] ?? 0) + (letter === otherLetter ? 0 : 1);
      next.push(Math.min(substitution, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}
