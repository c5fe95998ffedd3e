// Lanes to a block in this process, in a thread of its own or in the main thread: shared memory and a port for each. Where a gateway has
// died the block is sent new ones, so nothing of the old can be seen; what it had open was cancelled when its port went with it.
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { LaneEnd, LaneSizes, SharedLaneEnd } from '../../ipc/lane.ts';
import { markLayout } from '../../ipc/layout.ts';
import { segmentBytes } from '../../ipc/shared.ts';
import type { BlockLane, BlockLanes } from '../../proto/thread-task.ts';
import { laneAt, type Lanes } from './lanes.ts';

export class SharedLanes implements Lanes {
  readonly #sizes: LaneSizes;
  readonly #lanes: SharedLane[] = [];
  /** New lanes go to the block on this port. */
  readonly #renewals: MessagePort;
  #over = false;
  /** The block's ends; whoever starts the block gives them to it. */
  readonly forBlock: BlockLanes;

  constructor(count: number, sizes: LaneSizes) {
    this.#sizes = sizes;
    const { port1, port2 } = new MessageChannel();
    this.#renewals = port1;
    const lanes: BlockLane[] = [];
    for (let index = 0; index < count; index++) {
      const [ours, theirs] = this.#make();
      this.#lanes.push(ours);
      lanes.push({ index, ...theirs });
    }
    this.forBlock = { lanes, renewals: port2 };
  }

  get count(): number {
    return this.#lanes.length;
  }

  take(index: number): LaneEnd {
    const lane = laneAt(this.#lanes, index);
    if (this.#over) throw ended(index);
    if (lane.taken) throw new Error(`lane ${index} has been given to a gateway already`);
    lane.taken = true;
    return this.#endOf(lane);
  }

  async renew(index: number): Promise<LaneEnd> {
    laneAt(this.#lanes, index).port.close(); // where it was never taken: else it is somebody else's by now, or gone
    if (this.#over) throw ended(index);
    const [ours, theirs] = this.#make();
    this.#lanes[index] = ours;
    this.#renewals.postMessage({ index, ...theirs } satisfies BlockLane, [theirs.port]);
    ours.taken = true;
    return this.#endOf(ours);
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#renewals.close();
    for (const { port } of this.#lanes) port.close(); // of those that nobody has taken
    for (const port of portsOf(this.forBlock)) port.close(); // where the block never came to have them
  }

  #endOf({ segment, port }: SharedLane): SharedLaneEnd {
    return { kind: 'shared', segment, port, ...this.#sizes };
  }

  #make(): [SharedLane, Omit<BlockLane, 'index'>] {
    const { ringBytes } = this.#sizes;
    const segment = new SharedArrayBuffer(segmentBytes(ringBytes));
    markLayout(segment, ringBytes); // the block may look before any gateway does
    const { port1, port2 } = new MessageChannel();
    return [{ segment, port: port1, taken: false }, { segment, port: port2 }];
  }
}

/** What changes hands with the block's ends. */
export function portsOf(ends: BlockLanes | undefined): readonly MessagePort[] {
  return ends === undefined ? [] : [ends.renewals, ...ends.lanes.map(({ port }) => port)];
}

interface SharedLane {
  readonly segment: SharedArrayBuffer;
  readonly port: MessagePort;
  taken: boolean;
}

function ended(index: number): Error {
  return new Error(`the life that lane ${index} leads to is over`);
}
