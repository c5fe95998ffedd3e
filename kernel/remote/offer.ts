// What a kernel hands to a block server over a Unix socket, and keeps the other half of: a pair of sockets, memory for the rings, and the
// lanes of gateways. All of it is made before anybody is dialled, and goes with the life.
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Channel } from '../../ipc/channel.ts';
import { socketPair } from '../../ipc/descriptors.ts';
import { socketDoorbell } from '../../ipc/doorbell-socket.ts';
import { markLayout } from '../../ipc/layout.ts';
import { createSegment, type OwnedSegment } from '../../ipc/memory.ts';
import { openShared, segmentBytes } from '../../ipc/shared.ts';
import { openSocket } from '../../ipc/socket.ts';
import { MappedLanes } from '../lanes/mapped.ts';

export interface OfferOptions {
  readonly rings: boolean;
  readonly ringBytes: number;
  readonly maxFrameBytes: number;
  /** More than 0 only where there are rings. */
  readonly lanes: number;
}

export class Offer {
  readonly lanes: MappedLanes | undefined;
  readonly #options: OfferOptions;
  readonly #segment: OwnedSegment | undefined;
  #ours: number | undefined;
  #theirs: number | undefined;

  /** @throws Error when memory or descriptors can't be had; nothing is left then */
  constructor(options: OfferOptions) {
    this.#options = options;
    [this.#ours, this.#theirs] = socketPair();
    try {
      if (options.rings) {
        this.#segment = createSegment(segmentBytes(options.ringBytes));
        markLayout(this.#segment.buffer, options.ringBytes); // a block may open its end before the welcome is read that lets us open ours
      }
      if (options.lanes > 0) this.lanes = new MappedLanes(options.lanes, options);
    } catch (cause) {
      this.withdraw();
      throw cause;
    }
  }

  /** What the other end gets: the socket, the segment where there are rings, then segment and socket of each lane. */
  get descriptors(): readonly number[] {
    return [this.#theirs as number, ...(this.#segment === undefined ? [] : [this.#segment.fd]), ...(this.lanes?.descriptors ?? [])];
  }

  /** They are on their way, or never will be: the other end's half is not ours to keep. */
  handed(): void {
    if (this.#theirs !== undefined) closeSync(this.#theirs);
    this.#theirs = undefined;
    this.#segment?.closeFd();
    this.lanes?.spawned();
  }

  /** Our end of what was agreed on. Once. @param rings false: the other end can't map the memory. */
  open(rings: boolean): Channel {
    const { ringBytes, maxFrameBytes } = this.#options;
    const socket = new Socket({ fd: this.#ours as number });
    this.#ours = undefined;
    if (rings && this.#segment !== undefined) return openShared(this.#segment.buffer, 'a', socketDoorbell(socket), { ringBytes, maxFrameBytes }, this.#segment.release);
    this.#segment?.release();
    return openSocket(socket, { maxFrameBytes });
  }

  /** The life is over. What was not opened is given back; what was goes with its channel. May be called twice. */
  withdraw(): void {
    this.handed();
    this.lanes?.close();
    if (this.#ours === undefined) return;
    closeSync(this.#ours);
    this.#ours = undefined;
    this.#segment?.release();
  }
}
