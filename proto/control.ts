// Calls between the kernel and a block's host about the block itself. They are ordinary calls on ids below those of the
// API (proto/routes.ts starts at 16).
import type { BlockInit } from './init.ts';

export const Control = {
  /**
   * Kernel to block: the head is the index of a lane whose gateway is gone. The block drops its calls and opens it anew on the same
   * memory, cleared; the answer comes when it has. Only where a lane's memory is mapped: else the block is sent a new one.
   */
  LANE: 0,
  /** Kernel to block, first of all: head is a BlockInit, the answer's head an InitAnswer. */
  INIT: 1,
  /** Block to kernel: the head is a ComponentStatus[], all of them; after INIT, and after each change. */
  COMPONENTS: 2,
  /** Kernel to block: answers at once, from the block's event loop. */
  PING: 3,
  /** Kernel to block: close the drivers; the answer comes when they are closed. */
  CLOSE: 4,
  /** Kernel to block: head is an AppState. The answer comes when the block has done what follows from it, or has tried once. */
  APP_STATE: 5,
  /** Block to kernel: call the application. The head is a PackedAppRequest; the answer is the application's (see there). */
  APP: 6,
  /**
   * Kernel to block: take in nothing more; the answer comes when all that was in flight is settled. For good, or, where the
   * head is PAUSE_FOR_SUCCESSOR, until another life takes over, or RESUME: then what waits in the block goes on waiting.
   */
  PAUSE: 7,
  /** Block to kernel: the head is a SubscriptionStatus[], all of them; after each change. */
  SUBSCRIPTIONS: 8,
  /**
   * Block to kernel: the head is a string[], the ids of what the block is working on right now. It stays open as long, and
   * is cancelled then: what is open when the life ends is suspected of having ended it.
   */
  PROCESSING: 9,
  /** Block to kernel: the head is a string[], ids of suspects that turned out harmless or were put away. */
  ACQUITTED: 10,
  /** Block to kernel: the head is a PackedCheckpoint. RESOURCE_EXHAUSTED: there is no room for it. */
  CHECKPOINT: 11,
  /**
   * Kernel to block, without a head: another life takes over in a moment, and no call comes any more until it has. What lives
   * in this block alone (data in memory) goes out as calls of this same method, the head a name, the body a piece of what
   * lies under it; the answer comes after the last of them. A failure: it can't be handed over. The kernel passes the pieces
   * on to the next life, in their order and before ACTIVATE, and then forgets them: they are for that one life, and for none
   * that follows a crash. RESOURCE_EXHAUSTED: there are too many, or nobody takes over.
   */
  HANDOVER: 12,
  /** Kernel to block, once, to a life that was started on standby: the head is an Inheritance. From the answer on it is the block. */
  ACTIVATE: 13,
  /** Kernel to block: the answer's head is a PackedMeasures (proto/measures.ts), everything counted since the life began. */
  MEASURES: 14,
  /** Kernel to block: no other life takes over after all. It goes on as it did before PAUSE and HANDOVER. */
  RESUME: 15,
} as const;

/** What a block may leave for its next life: how many texts, and how long all of them with their names. In UTF-16 units. */
export const CHECKPOINT_LIMITS = { count: 65_536, totalLength: 16 * 1024 * 1024 } as const;
/** What a block may hand over: how many pieces, and how many bytes with their names. */
export const HANDOVER_LIMITS = { pieces: 65_536, bytes: 128 * 1024 * 1024 } as const;
/** The head of a PAUSE that another life follows. */
export const PAUSE_FOR_SUCCESSOR = 'successor';
/** A text by name; without the text it is forgotten. */
export type PackedCheckpoint = readonly [name: string, value?: string];

/** Raised when frames, heads or control calls change shape; kernel and block must have the same one. */
export const PROTOCOL_VERSION = 5;

/** What former lives leave to the one that follows them. */
export interface Inheritance {
  /** What former lives were working on when they ended, each with the number of such ends. Empty for the first life. */
  readonly suspects: readonly (readonly [id: string, deaths: number])[];
  /** What former lives left for this one. Empty for the first life. */
  readonly checkpoints: readonly (readonly [name: string, value: string])[];
}

export interface InitRequest {
  readonly protocol: number;
  readonly init: BlockInit;
  /** Absent: the life is on standby. It opens its components and waits for ACTIVATE, which brings it. */
  readonly inheritance?: Inheritance;
}

/** `up`: the application can be called. `down`: not any more, or not yet. */
export type AppState = 'up' | 'down';

/**
 * The head of a call to the application, positional because it is packed for each delivery: `GET` or `POST` and a path with
 * query for an HTTP application, `RPC` and the full method (`/package.Service/Method`) for a gRPC one; headers or metadata
 * as a flat list, binary metadata in base64. An HTTP application's answer ends the call with its status as the code and its
 * body; a gRPC application's with OK and the message, or as a failure with its code and text. Where the application could
 * not be asked, or gave no answer, the call fails with UNAVAILABLE, DEADLINE_EXCEEDED or RESOURCE_EXHAUSTED. The head of a
 * failure says by `unasked` that the application got no request.
 */
export type PackedAppRequest = readonly [verb: AppVerb, target: string, headers: readonly string[]];
export type AppVerb = 'GET' | 'POST' | 'RPC';

/**
 * Metadata that the kernel gives a stream whose request the next life gets again (proto/routes.ts), in place of whatever a
 * client sent by these names.
 * `stream`: which stream it is, the same over all lives. `resumed`: present where the client has got messages already.
 */
export const RESUME = { stream: 'bulkhead-stream', resumed: 'bulkhead-resumed' } as const;

/** Says nothing of components: their reports come by calls of their own, and only those are in order. */
export interface InitAnswer {
  readonly protocol: number;
}

/**
 * The head of an HTTP call on a channel, positional because it is packed for each call: the pattern's parameters in order
 * (unescaped), the raw query string, and the wanted request headers as a flat list when there are any.
 */
export type PackedHttpHead = readonly [params: readonly string[], query: string, headers?: readonly string[]];
