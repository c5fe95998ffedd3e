// What a block shows of itself in memory that the kernel maps too: a heartbeat, and a flight recorder that outlives it. Reading
// either costs no message, and works when the block does nothing any more.

/** Seen from the kernel. What a block wrote is not trusted: texts and lists are bounded and checked before they are handed out. */
export interface PeerVitals {
  /** How often the peer has looked at its channel; modulo 2^32. Only ever compared for being the same. */
  readonly beats: number;
  /** Makes a peer that is alive look at its channel soon, whatever it is doing but a turn of its event loop that doesn't end. */
  nudge(): void;
  /** What the recorder says now; after the end of the channel, what it said last. */
  readonly blackBox: BlackBox;
}

export interface BlackBox {
  /** Calls that the block had begun to work on and not answered, the latest last. */
  readonly flights: readonly Flight[];
  /** What the block said when it knew that it was ending: the error that nobody had caught. `''`: nothing. */
  readonly lastWords: string;
}

export interface Flight {
  /** A route's id. */
  readonly method: number;
  /** The call's id on the channel. */
  readonly call: number;
}

/** Seen from the block. */
export interface OwnVitals {
  /** It begins to work on a call of the kernel's. */
  began(call: number, method: number): void;
  /** That call is answered, or cancelled and left alone. */
  finished(call: number): void;
  /** The error that ends this life; cut where there is no room. */
  lastWords(text: string): void;
}
