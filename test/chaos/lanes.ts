// What the campaign's load consists of: lanes, each with one kind of call, its protocol and its rate. Data, because it crosses
// to the process that makes the load.

export const BLOCKS = ['state', 'pubsub', 'config', 'lock', 'sequencer'] as const;
export type BlockName = (typeof BLOCKS)[number];

/** What a lane's calls are; load-calls.ts knows how. */
export type Operation = 'write' | 'read' | 'publish' | 'config' | 'lock' | 'ids' | 'metadata' | 'health';

export interface Lane {
  readonly name: string;
  /** `kernel`: no block has part in it. */
  readonly block: BlockName | 'kernel';
  readonly operation: Operation;
  readonly component: string;
  readonly protocol: 'HTTP' | 'gRPC';
  /** Calls a second. */
  readonly rate: number;
  /** Whether the call is opened again when its block dies under it. */
  readonly safe: boolean;
  /** What is acknowledged must be there in the end; false where it lives in the block's memory alone. */
  readonly kept: boolean;
}

/** Which servers there are. */
export interface Backends {
  readonly redis: boolean;
  readonly etcd: boolean;
  readonly kafka: boolean;
}

export const TOPIC = 'chaos';

/** @param share of the usual rates */
export function lanesFor({ redis, etcd, kafka }: Backends, share: number): Lane[] {
  const lanes: Lane[] = [];
  const add = (block: Lane['block'], operation: Operation, component: string, rate: number, { safe, kept = true, protocols = ['HTTP', 'gRPC'] }: { safe: boolean; kept?: boolean; protocols?: readonly Lane['protocol'][] }): void => {
    for (const protocol of protocols) lanes.push({ name: `${component} ${operation} ${protocol}`, block, operation, component, protocol, rate: (rate * share) / protocols.length, safe, kept });
  };
  const stores: readonly (readonly [name: string, kept: boolean])[] = [['state-memory', false], ['state-sqlite', true], ...(redis ? [['state-redis', true] as const] : []), ...(etcd ? [['state-etcd', true] as const] : [])];
  for (const [store, kept] of stores) {
    add('state', 'write', store, 14, { safe: false, kept });
    add('state', 'read', store, 28, { safe: true, kept });
  }
  if (redis) add('pubsub', 'publish', 'pubsub-redis', 30, { safe: false });
  if (kafka) add('pubsub', 'publish', 'pubsub-kafka', 20, { safe: false });
  if (!redis && !kafka) add('pubsub', 'publish', 'pubsub-memory', 30, { safe: false, kept: false });
  add('config', 'config', redis ? 'config-redis' : 'config-memory', 40, { safe: true });
  add('lock', 'lock', redis ? 'lock-redis' : 'lock-memory', 20, { safe: false, protocols: ['HTTP'] });
  add('sequencer', 'ids', redis ? 'ids-redis' : 'ids-memory', 40, { safe: true });
  add('kernel', 'metadata', '', 10, { safe: true, protocols: ['HTTP', 'gRPC'] });
  add('kernel', 'health', '', 10, { safe: true, protocols: ['HTTP'] });
  return lanes;
}
