// The unit of every channel: what a frame is, and its 24-byte header as it lies on a ring or a socket.

export const Kind = {
  /** Opens a call: `code` is the route id, `arg` the remaining milliseconds (0: no deadline). */
  OPEN: 1,
  /** One message of a stream, either way. */
  DATA: 2,
  /** From the server: the answer, `code` is the status. From the opener: its half of the stream is over. */
  END: 3,
  /** From the opener: the answer is not wanted any more. */
  CANCEL: 4,
  /** `arg` more messages may be sent on this call. */
  CREDIT: 5,
  /** Inside transports only: the next piece of a frame that was too large for one record. Never reaches `onFrame`. */
  MORE: 6,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

export const Flag = {
  /** OPEN: the call came over HTTP; its head is an HttpHead and it wants an HTTP answer. */
  HTTP: 1,
  /** OPEN: the opener will send DATA and then END. */
  STREAM: 2,
  /** END: the call failed; `code` is a gRPC code and the head says why. */
  FAILED: 4,
  /** In `Reply.onEnd` only, never on a wire: the deadline passed here; the other side was told, and may be at work still. */
  EXPIRED: 32,
  /** In `Reply.onEnd` only, never on a wire: the channel ended, so nobody knows what became of the call. */
  LOST: 64,
  /** Inside transports only: the payload starts with the whole payload's length, and MORE records follow. */
  FRAGMENTED: 128,
} as const;

export interface Frame {
  readonly kind: number;
  /** Bits of `Flag`. */
  readonly flags: number;
  /** 16 bits: route id in OPEN, status in END, else 0. */
  readonly code: number;
  /** 32 bits, not 0: odd when the kernel opened the call, even when the block did. */
  readonly call: number;
  /** 32 bits: remaining milliseconds in OPEN, messages in CREDIT, else 0. */
  readonly arg: number;
  /** Any flat value msgpack can carry; undefined when absent, which is the common case. */
  readonly head: unknown;
  readonly body: Uint8Array;
}

/** A frame that its transport fills again and again: what `onFrame` gets is borrowed. */
export type BorrowedFrame = { -readonly [K in keyof Frame]: Frame[K] };

export const EMPTY: Uint8Array = Buffer.alloc(0);

/** What follows a frame's body where it is sent in pieces: to the receiver they are one body. */
export type Pieces = readonly Uint8Array[];
/** Of a body in one piece. */
export const NO_PIECES: Pieces = [];

export function bytesIn(pieces: Pieces): number {
  let bytes = 0;
  for (let i = 0; i < pieces.length; i++) bytes += (pieces[i] as Uint8Array).length;
  return bytes;
}

/**
 * A record is this header, then the head's msgpack bytes, then the body. Six little-endian 32-bit words:
 *
 *   0  size        header + head + body, in bytes
 *   1  what        kind (8 bits), flags (8), code (16)
 *   2  call
 *   3  head bytes
 *   4  arg
 *   5  sequence    counts records from 0; a gap means that the two sides disagree about the bytes
 */
export const HEADER_BYTES = 24;

export const packWhat = (kind: number, flags: number, code: number): number => kind | (flags << 8) | (code << 16);
export const kindOf = (what: number): number => what & 0xff;
export const flagsOf = (what: number): number => (what >>> 8) & 0xff;
export const codeOf = (what: number): number => what >>> 16;

/** The peer sent what no correct peer sends. Ends the peer, never this process. */
export class BadFrame extends Error {
  override readonly name = 'BadFrame';
}

/** Checks the fields that every transport must not trust. @throws BadFrame */
export function checkFrame(kind: number, flags: number, call: number): void {
  if (kind < Kind.OPEN || kind > Kind.CREDIT) throw new BadFrame(`frame of unknown kind ${kind}`);
  if ((flags & ~(Flag.HTTP | Flag.STREAM | Flag.FAILED)) !== 0) throw new BadFrame(`frame with unknown flags ${flags}`);
  if (call === 0) throw new BadFrame('frame for call 0');
}
