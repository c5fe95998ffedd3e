// What wakes the other side of a channel in shared memory, and tells that it is gone. It carries nothing: a ring means "look again".

export interface Doorbell {
  /** Makes the peer look. A peer that never listens costs no more and no more: rings that it has not heard yet are bounded. */
  ring(): void;
  /**
   * From now on `rung` runs when the peer has rung, once for one or more rings, and `gone` once when the peer is no more or has
   * closed its end. Once. The bell keeps this event loop alive until it is closed.
   */
  listen(rung: () => void, gone: () => void): void;
  /** This end is no more; the peer is told. May be called twice. */
  close(): void;
}
