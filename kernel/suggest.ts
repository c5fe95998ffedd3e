// Finds what somebody meant to type.
import { createRequire } from 'node:module';

/** Longer words are not typing errors, and the distance costs their product. */
const LONGEST_WORD = 64;

/** The known word nearest to `word`, unless none is near enough to be meant. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word === '' || word.length > LONGEST_WORD) return undefined;
  // Loaded here because a start without typing errors should not pay for it, and parsing a command line is synchronous.
  const { closest, distance } = createRequire(import.meta.url)('fastest-levenshtein') as typeof import('fastest-levenshtein');
  const candidate = closest(word, known);
  return distance(word, candidate) <= Math.max(2, Math.floor(word.length / 3)) ? candidate : undefined;
}
