// What a block, or one of its drivers, leaves for its next life, by name. Small texts, as things happen: the kernel keeps them,
// and whoever has an answer that was sent after one can count on it, because both travel in order. And bytes, when a life is
// replaced in order: they go to the life that takes over, and to no other.

/** Texts by name. */
export type Found = ReadonlyMap<string, string>;
/** Pieces by name, in the order in which they were handed. */
export type Handed = ReadonlyMap<string, readonly Uint8Array[]>;

export interface Checkpoints {
  /**
   * Hands out what former lives left, once: at once, or, in a life that was started on standby, when it takes over. No call of
   * the API is served before. What is handed out does not change with `set` and `delete`.
   * @param take gets, beside the texts, what the former life handed to this one: nothing where it did not end in order
   */
  inherit(take: (found: Found, handed: Handed) => void): void;
  /** Texts that are too many or too long for the kernel (proto/control.ts, CHECKPOINT_LIMITS) are lost, and the log says so. */
  set(name: string, value: string): void;
  delete(name: string): void;
  /**
   * Adds a piece to what lies under a name. For `handOver` only: the life that takes over gets it.
   * @param piece given away
   * @throws Error when all pieces together are more than can be handed over (proto/control.ts, HANDOVER_LIMITS)
   */
  hand(name: string, piece: Uint8Array): void;
}

/** The checkpoints of one owner among several: theirs can't meet, whatever the names. */
export function checkpointsOf(all: Checkpoints, owner: string): Checkpoints {
  const head = `${JSON.stringify(owner)} `; // quoted, so that no owner's is the beginning of another's
  return {
    inherit: (take) => all.inherit((found, handed) => take(ownOf(found, head), ownOf(handed, head))),
    set: (name, value) => all.set(head + name, value),
    delete: (name) => all.delete(head + name),
    hand: (name, piece) => all.hand(head + name, piece),
  };
}

function ownOf<T>(all: ReadonlyMap<string, T>, head: string): Map<string, T> {
  const own = new Map<string, T>();
  for (const [name, value] of all) if (name.startsWith(head)) own.set(name.slice(head.length), value);
  return own;
}
