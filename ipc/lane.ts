// A lane: the channel between a block and one gateway, which is a thread of the kernel's process. Its end crosses from the kernel's
// main thread, which made it, to the gateway's by `postMessage`, and is opened there.
//
// Who owns what, and why no thread's death costs or closes anything that is not its own:
//
// - Between threads, memory and port are V8's: they go when nobody has them any more.
// - A mapped lane's memory is the main thread's, which alone unmaps it; the gateway only views it. The leash, a port that goes with the
//   end, tells when it may: it closes when the gateway's channel has let go of the memory, when its thread ends (no JavaScript runs
//   there any more by then), and when the message with the end in it is thrown away unread.
// - The descriptor in the end is a duplicate made for it. It is the main thread's until TAKEN arrives there, the gateway's from the
//   moment it was sent: libuv closes it with the socket or with the thread, and nobody else ever closes that number. TAKEN comes
//   before the leash's close on the same port, so the main thread closes what was never taken and nothing else. A thread that is
//   terminated within the microseconds between TAKEN and its socket leaves one descriptor open: rather that than to close a number
//   that means something else by then.
import { Socket } from 'node:net';
import type { MessagePort, Transferable } from 'node:worker_threads';
import type { Channel, ChannelOptions } from './channel.ts';
import { portDoorbell } from './doorbell-port.ts';
import { socketDoorbell } from './doorbell-socket.ts';
import { viewSegment } from './memory.ts';
import { openShared, segmentBytes, type SharedOptions } from './shared.ts';

/** The kernel's end of a lane. Flat data, and what has to be in the list of transferables. */
export type LaneEnd = SharedLaneEnd | MappedLaneEnd;

/** Of both rings of a lane, and of a frame in them; in bytes. */
export interface LaneSizes {
  readonly ringBytes: number;
  readonly maxFrameBytes: number;
}

/** To a block in another thread of this process. */
export interface SharedLaneEnd extends LaneSizes {
  readonly kind: 'shared';
  readonly segment: SharedArrayBuffer;
  readonly port: MessagePort;
}

/** To a block in a process of its own. */
export interface MappedLaneEnd extends LaneSizes {
  readonly kind: 'mapped';
  readonly address: bigint;
  /** A descriptor. */
  readonly socket: number;
  readonly leash: MessagePort;
}

/** What the gateway says on the leash: the descriptor is its own now. */
export const TAKEN = 'taken';

/** What `postMessage` needs beside the end. */
export function laneTransfer(end: LaneEnd): Transferable[] {
  return [end.kind === 'shared' ? end.port : end.leash];
}

/**
 * Opens an end, once, in the thread that is to use it. Also where the block is gone meanwhile: then the channel ends at once.
 * @throws Error when memory can't be had; nothing is left of the end then
 */
export function openLane(end: LaneEnd, { poison = false }: Pick<ChannelOptions, 'poison'> = {}): Channel {
  const { ringBytes, maxFrameBytes } = end;
  const options: SharedOptions = { ringBytes, maxFrameBytes, poison };
  if (end.kind === 'shared') return openShared(end.segment, 'a', portDoorbell(end.port, end.segment, 'a'), options);
  const { address, socket, leash } = end;
  let buffer: ArrayBuffer | undefined;
  const letGo = (): void => {
    buffer?.transfer(0); // late readers get nothing, instead of a fault
    leash.close();
  };
  try {
    buffer = viewSegment(address, segmentBytes(ringBytes));
    leash.postMessage(TAKEN);
    return openShared(buffer, 'a', socketDoorbell(new Socket({ fd: socket })), options, letGo);
  } catch (cause) {
    letGo();
    throw cause;
  }
}

/** An end that nobody opens any more. */
export function discardLane(end: LaneEnd): void {
  if (end.kind === 'shared') end.port.close();
  else end.leash.close();
}
