// Calls between the kernel and a block's host about the block itself. They are ordinary calls on ids below those of the
// API (proto/routes.ts starts at 16).
import type { BlockInit } from './init.ts';

export const Control = {
  /** Kernel to block, first of all: head is a BlockInit, the answer's head an InitAnswer. */
  INIT: 1,
  /** Block to kernel: the head is a ComponentStatus[], all of them; after INIT, and after each change. */
  COMPONENTS: 2,
  /** Kernel to block: answers at once, from the block's event loop. */
  PING: 3,
  /** Kernel to block: close the drivers; the answer comes when they are closed. */
  CLOSE: 4,
} as const;

/** Raised when frames, heads or control calls change shape; kernel and block must have the same one. */
export const PROTOCOL_VERSION = 1;

export interface InitRequest {
  readonly protocol: number;
  readonly init: BlockInit;
}

/** Says nothing of components: their reports come by calls of their own, and only those are in order. */
export interface InitAnswer {
  readonly protocol: number;
}

/**
 * The head of an HTTP call on a channel, positional because it is packed for each call: the pattern's parameters in order
 * (unescaped), the raw query string, and the wanted request headers as a flat list when there are any.
 */
export type PackedHttpHead = readonly [params: readonly string[], query: string, headers?: readonly string[]];
