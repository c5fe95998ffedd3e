// Lanes of a block in the kernel's process: in memory that all its threads see. One whose gateway has died ends by itself, with its
// port, and a new one is sent.
import type { MessagePort } from 'node:worker_threads';
import { portDoorbell } from '../ipc/doorbell-port.ts';
import type { LaneSizes } from '../ipc/lane.ts';
import { openShared } from '../ipc/shared.ts';
import type { BlockLane, BlockLanes } from '../proto/thread-task.ts';
import type { Lanes, TakeLane } from './lanes.ts';

/** The lanes that the kernel has made, if it has made any. */
export function sharedLanes({ lanes, renewals }: BlockLanes, sizes: LaneSizes): Lanes {
  return new SharedLanes(lanes, renewals, sizes);
}

class SharedLanes implements Lanes {
  readonly #first: readonly BlockLane[];
  readonly #renewals: MessagePort;
  readonly #sizes: LaneSizes;

  constructor(first: readonly BlockLane[], renewals: MessagePort, sizes: LaneSizes) {
    this.#first = first;
    this.#renewals = renewals;
    this.#sizes = sizes;
  }

  open(take: TakeLane): void {
    const open = ({ index, segment, port }: BlockLane): void => take(index, openShared(segment, 'b', portDoorbell(port, segment, 'b'), this.#sizes));
    for (const lane of this.#first) open(lane);
    this.#renewals.on('message', open);
    this.#renewals.unref(); // the block lives as long as its channel
  }

  close(): void {
    this.#renewals.close();
  }
}
