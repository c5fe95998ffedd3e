// What a block's lives were working on when they ended. A message that is there again and again is likely to be the cause;
// the count outlives the lives, and each next one is told. Bounded in all a block controls.

/** Ids that are remembered; beyond that the ones not seen for the longest time go. */
export const MAX_SUSPECTS = 1_000;
/** Ids longer than this are not remembered. In UTF-16 units. */
export const MAX_ID_LENGTH = 1_024;

export type Suspect = readonly [id: string, deaths: number];

export class Suspects {
  readonly #deaths = new Map<string, number>();

  get size(): number {
    return this.#deaths.size;
  }

  /** Those of whom anything is known, the longest known first. */
  list(): readonly Suspect[] {
    return [...this.#deaths];
  }

  /**
   * A life has ended.
   * @param working what it was working on; an id counts once, however often it is there.
   * @returns the ids that are under suspicion for it, with all their deaths.
   */
  lifeEnded(working: Iterable<readonly string[]>): readonly Suspect[] {
    const blamed = new Set<string>();
    for (const ids of working) for (const id of ids) if (id.length <= MAX_ID_LENGTH && blamed.size < MAX_SUSPECTS) blamed.add(id);
    const suspects: Suspect[] = [];
    for (const id of blamed) {
      const deaths = (this.#deaths.get(id) ?? 0) + 1;
      this.#deaths.delete(id); // last seen, last in order
      this.#deaths.set(id, deaths);
      suspects.push([id, deaths]);
    }
    for (const id of this.#deaths.keys()) {
      if (this.#deaths.size <= MAX_SUSPECTS) break;
      this.#deaths.delete(id);
    }
    return suspects;
  }

  acquit(ids: readonly string[]): void {
    for (const id of ids) this.#deaths.delete(id);
  }
}
