// The lanes of a life as the kernel's main thread has them: it makes them with the life, gives an end of each to a gateway, and makes a
// lane clean again when that gateway has died. In each mode by other means; see ipc/lane.ts for what an end is.
import type { LaneEnd } from '../../ipc/lane.ts';

export interface Lanes {
  readonly count: number;
  /** The kernel's end of a lane, to be opened by one gateway: it is the caller's. @throws Error when somebody has it, when there is none, and after the life's end */
  take(index: number): LaneEnd;
  /**
   * A new end of a lane whose gateway has died. What the gateway had open is cancelled in the block, and no frame of its is ever seen
   * again. One at a time.
   * @param reset has the block let go of the lane and open it anew (Control.LANE); resolves when it has
   * @throws Error when the old end is not given up, when `reset` fails, and after the life's end
   */
  renew(index: number, reset: () => Promise<void>): Promise<LaneEnd>;
  /** The life is over. What gateways have still is taken back when they let go of it. May be called twice. */
  close(): void;
}

/** With one gateway, calls come over the channel that everything else comes over. */
export const NO_LANES: Lanes = {
  count: 0,
  take: (index) => {
    throw noLane(index, 0);
  },
  renew: async (index) => {
    throw noLane(index, 0);
  },
  close: () => {},
};

export function noLane(index: number, count: number): Error {
  return new Error(`there is no lane ${index}: the life has ${count}`);
}

/** @throws Error */
export function laneAt<Lane>(lanes: readonly Lane[], index: number): Lane {
  const lane = lanes[index];
  if (lane === undefined) throw noLane(index, lanes.length);
  return lane;
}
