// Lanes to a block in a process of its own: memory that both map and a pair of sockets for each, which the child inherits.
//
// No descriptor can be given to a process that lives already, so a lane whose gateway has died keeps its memory and its sockets, and is
// made clean in place. In this order, so that no two parties are ever at work in it:
//
//  1. The leash has closed (ipc/lane.ts): nobody of this side looks at the memory any more, or will.
//  2. The block is asked over its supervision channel. It ends its channel on the lane, as if the gateway had closed it: calls of the
//     lane are cancelled, and nothing of that channel writes any more, no late answer and no late word for the flight recorder.
//  3. The block, and nobody else, zeroes the counters, flags and flights, opens a new channel and answers. Its stores are seen by
//     whoever has heard of the answer.
//  4. A new end is made, and a gateway opens it.
//
// What may lie in the sockets from before are doorbell bytes, which say nothing but "look again". An answer that comes too late for this
// side is no harm: the next renewal asks again, and the block does one after the other. A block that does not clear the lane, or
// scribbles over it, breaks the protocol in the eyes of the next gateway.
//
// This side's own socket stays open here as long as the life, and each end gets a duplicate. So the block does not see that a gateway
// has closed its lane; it is told so by 2, or the life ends.
import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { MessageChannel } from 'node:worker_threads';
import { duplicate, socketPair } from '../../ipc/descriptors.ts';
import { TAKEN, type LaneEnd, type LaneSizes, type MappedLaneEnd } from '../../ipc/lane.ts';
import { markLayout } from '../../ipc/layout.ts';
import { createSegment, type OwnedSegment } from '../../ipc/memory.ts';
import { segmentBytes } from '../../ipc/shared.ts';
import { laneAt, type Lanes } from './lanes.ts';

/** A thread that is gone has let go of its end by then. */
const LET_GO_MS = 2_000;

export class MappedLanes implements Lanes {
  readonly #lanes: MappedLane[] = [];

  /** @throws Error when memory or descriptors can't be had; nothing is left then */
  constructor(count: number, sizes: LaneSizes) {
    try {
      for (let i = 0; i < count; i++) this.#lanes.push(new MappedLane(i, sizes));
    } catch (cause) {
      this.spawned();
      this.close();
      throw cause;
    }
  }

  get count(): number {
    return this.#lanes.length;
  }

  /** What the child inherits: for each lane the segment, then the socket. */
  get descriptors(): readonly number[] {
    return this.#lanes.flatMap((lane) => lane.descriptors);
  }

  /** The child has them, or will never be. */
  spawned(): void {
    for (const lane of this.#lanes) lane.spawned();
  }

  take(index: number): LaneEnd {
    return laneAt(this.#lanes, index).take();
  }

  async renew(index: number, reset: () => Promise<void>): Promise<LaneEnd> {
    return laneAt(this.#lanes, index).renew(reset);
  }

  close(): void {
    for (const lane of this.#lanes) lane.close();
  }
}

class MappedLane {
  readonly #index: number;
  readonly #sizes: LaneSizes;
  readonly #segment: OwnedSegment;
  readonly #ours: number;
  /** The child's; undefined once it has it. */
  #theirs: number | undefined;
  /** Resolves when the present end is given up; undefined while there is none. */
  #held: Promise<void> | undefined;
  #renewing = false;
  #over = false;

  constructor(index: number, sizes: LaneSizes) {
    this.#index = index;
    this.#sizes = sizes;
    this.#segment = createSegment(segmentBytes(sizes.ringBytes));
    markLayout(this.#segment.buffer, sizes.ringBytes); // the block may look before any gateway does
    try {
      [this.#ours, this.#theirs] = socketPair();
    } catch (cause) {
      this.#segment.closeFd();
      this.#segment.release();
      throw cause;
    }
  }

  get descriptors(): readonly number[] {
    return [this.#segment.fd, this.#theirs as number];
  }

  spawned(): void {
    this.#segment.closeFd();
    if (this.#theirs !== undefined) closeSync(this.#theirs);
    this.#theirs = undefined;
  }

  take(): MappedLaneEnd {
    if (this.#over) throw this.#ended();
    if (this.#held !== undefined || this.#renewing) throw new Error(`lane ${this.#index} has been given to a gateway already`);
    return this.#offer();
  }

  async renew(reset: () => Promise<void>): Promise<MappedLaneEnd> {
    if (this.#renewing) throw new Error(`lane ${this.#index} is being renewed already`);
    this.#renewing = true;
    try {
      await this.#givenUp();
      if (this.#over) throw this.#ended();
      await reset();
      if (this.#over) throw this.#ended();
      return this.#offer();
    } finally {
      this.#renewing = false;
    }
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    closeSync(this.#ours);
    if (this.#held === undefined) this.#segment.release(); // else when it is given up
  }

  #offer(): MappedLaneEnd {
    const socket = duplicate(this.#ours);
    const { port1, port2 } = new MessageChannel();
    let taken = false;
    this.#held = new Promise((resolve) => {
      port1.on('message', (said) => (taken ||= said === TAKEN));
      port1.on('close', () => {
        if (!taken) closeSync(socket);
        this.#held = undefined;
        if (this.#over) this.#segment.release();
        resolve();
      });
    });
    port1.unref();
    return { kind: 'mapped', address: this.#segment.address, socket, leash: port2, ...this.#sizes };
  }

  /** @throws Error when somebody holds it still */
  async #givenUp(): Promise<void> {
    if (this.#held === undefined) return;
    const timer = new AbortController();
    const held = await Promise.race([this.#held.then(() => false), sleep(LET_GO_MS, true, { signal: timer.signal }).catch(() => true)]);
    timer.abort();
    if (held) throw new Error(`lane ${this.#index} is still held by the gateway that it was given to`);
  }

  #ended(): Error {
    return new Error(`the life that lane ${this.#index} leads to is over`);
  }
}
