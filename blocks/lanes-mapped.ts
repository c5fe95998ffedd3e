// Lanes of a block in a process of its own: memory that it maps, and a socket, both inherited. One whose gateway has died is opened anew
// on the same two; kernel/lanes/mapped.ts says in which order, and why nothing of the old is ever seen.
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Channel } from '../ipc/channel.ts';
import type { Doorbell } from '../ipc/doorbell.ts';
import { socketDoorbell } from '../ipc/doorbell-socket.ts';
import { clearLayout } from '../ipc/layout.ts';
import { mapSegment } from '../ipc/memory.ts';
import { openShared, segmentBytes, type SharedOptions } from '../ipc/shared.ts';
import type { Lanes, TakeLane } from './lanes.ts';

/** @param descriptors for each lane the segment, then the socket; they are its own from now on. */
export function mappedLanes(descriptors: readonly number[], options: SharedOptions): Lanes {
  const lanes: MappedLane[] = [];
  for (let i = 0; i + 1 < descriptors.length; i += 2) lanes.push(new MappedLane(descriptors[i] as number, descriptors[i + 1] as number, options));
  return new MappedLanes(lanes);
}

class MappedLanes implements Lanes {
  readonly #lanes: readonly MappedLane[];
  #take: TakeLane = () => {};

  constructor(lanes: readonly MappedLane[]) {
    this.#lanes = lanes;
  }

  open(take: TakeLane): void {
    this.#take = take;
    for (const [index, lane] of this.#lanes.entries()) take(index, lane.open());
  }

  async renew(index: number): Promise<void> {
    const lane = this.#lanes[index];
    if (lane === undefined) throw new Error(`there is no lane ${index}: the block has ${this.#lanes.length}`);
    await lane.renewed((channel) => this.#take(index, channel));
  }

  close(): void {} // they go with the process
}

class MappedLane {
  readonly #buffer: ArrayBuffer;
  readonly #bell: Doorbell;
  readonly #options: SharedOptions;
  #channel: Channel | undefined;
  /** Resolves when the present channel writes no more. */
  #free: Promise<void> = Promise.resolve();
  #rung: () => void = () => {};
  #gone: () => void = () => {};
  /** The channel ends, and its socket does not. */
  #keepsSocket = false;
  #isGone = false;
  /** One renewal after the other. */
  #renewals: Promise<unknown> = Promise.resolve();

  constructor(segmentFd: number, socketFd: number, options: SharedOptions) {
    this.#options = options;
    this.#buffer = mapSegment(segmentFd, segmentBytes(options.ringBytes)).buffer; // as long as the process
    closeSync(segmentFd);
    this.#bell = socketDoorbell(new Socket({ fd: socketFd }));
    this.#bell.listen(() => this.#rung(), () => {
      this.#isGone = true;
      this.#gone();
    });
  }

  open(): Channel {
    const free = Promise.withResolvers<void>();
    this.#free = free.promise;
    const bell: Doorbell = {
      ring: () => this.#bell.ring(),
      listen: (rung, gone) => {
        this.#rung = rung;
        this.#gone = gone;
      },
      close: () => {
        if (!this.#keepsSocket) this.#hangUp();
      },
    };
    this.#channel = openShared(this.#buffer, 'b', bell, this.#options, free.resolve);
    return this.#channel;
  }

  renewed(take: (channel: Channel) => void): Promise<void> {
    const mine = this.#renewals.then(() => this.#renew(take));
    this.#renewals = mine.catch(() => undefined);
    return mine;
  }

  async #renew(take: (channel: Channel) => void): Promise<void> {
    if (this.#isGone) throw new Error('the lane has ended, and its socket with it');
    this.#keepsSocket = true;
    try {
      this.#channel?.close();
      await this.#free;
    } finally {
      this.#keepsSocket = false;
    }
    if (this.#isGone) throw new Error('the lane has ended meanwhile');
    clearLayout(this.#buffer, this.#options.ringBytes);
    take(this.open());
  }

  /** The kernel's side sees the end of the lane. It stays ended: whatever came of it, one of the two sides is not sound. */
  #hangUp(): void {
    this.#isGone = true;
    this.#bell.close();
  }
}
