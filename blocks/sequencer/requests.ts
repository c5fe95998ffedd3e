// The typed request of the sequencer block: what both protocols decode to. The key is the app's own; the operation checks it all.

/** Increments, by their number on the wire. */
export const WEAK = 0;
export const STRONG = 1;

export interface NextIdRequest {
  readonly store: string;
  readonly key: string;
  /** WEAK, STRONG, or what else a client sent. */
  readonly increment: number;
  /** 0 means 1. */
  readonly count: number;
}
