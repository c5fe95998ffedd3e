// What a block, or one of its drivers, leaves for its next life: small texts by name, which the kernel keeps. Whoever has
// an answer that was sent after a checkpoint can count on it: both travel in order.

export interface Checkpoints {
  /**
   * Hands out what former lives left, once: at once, or, in a life that was started on standby, when it takes over. No call of
   * the API is served before. What is handed out does not change with `set` and `delete`.
   */
  inherit(take: (found: ReadonlyMap<string, string>) => void): void;
  /** Texts that are too many or too long for the kernel (proto/control.ts, CHECKPOINT_LIMITS) are lost, and the log says so. */
  set(name: string, value: string): void;
  delete(name: string): void;
}

/** The checkpoints of one owner among several: theirs can't meet, whatever the names. */
export function checkpointsOf(all: Checkpoints, owner: string): Checkpoints {
  const head = `${JSON.stringify(owner)} `; // quoted, so that no owner's is the beginning of another's
  const inherit: Checkpoints['inherit'] = (take) => all.inherit((found) => {
    const own = new Map<string, string>();
    for (const [name, value] of found) if (name.startsWith(head)) own.set(name.slice(head.length), value);
    take(own);
  });
  return { inherit, set: (name, value) => all.set(head + name, value), delete: (name) => all.delete(head + name) };
}
