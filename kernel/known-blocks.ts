/** The blocks there are, in start order. */
export const KNOWN_BLOCKS = ['state', 'pubsub', 'config', 'lock', 'sequencer'] as const;
