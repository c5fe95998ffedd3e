// The lanes of a life as its block has them: a channel to each gateway, over which calls of the API come and nothing else. One that
// ends is no end of the block: another one comes in its place.
import type { Channel } from '../ipc/channel.ts';

/** Gets a lane's channel, at first and each time that it is opened anew. */
export type TakeLane = (index: number, channel: Channel) => void;

export interface Lanes {
  /** Opens them all. Once. */
  open(take: TakeLane): void;
  /** Opens one anew whose gateway is gone. Present where nothing else tells of that. @throws Error where it can't be */
  renew?(index: number): Promise<void>;
  /** No more come. */
  close(): void;
}

export const NO_LANES: Lanes = { open: () => {}, close: () => {} };
