// What the tests of the etcd client share: clients and servers that are closed with their file, operations in short, what a
// watch was told, and a way to a server that can be cut.
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterAll, afterEach } from 'vitest';
import { openEtcd } from '../../blocks/clients/etcd/connection.ts';
import type { EtcdClient, EtcdItem, EtcdOperation, EtcdRange, EtcdWatch } from '../../blocks/clients/etcd/etcd.ts';
import { ETCD_FIELDS, etcdSettings, type EtcdSettings } from '../../blocks/clients/etcd/settings.ts';
import { readMetadata } from '../../blocks/metadata.ts';
import { componentSpec, memoryLog, type MemoryLog } from '../support.ts';

export type Metadata = Readonly<Record<string, string>>;
export const settingsOf = (metadata: Metadata, log = memoryLog()): EtcdSettings => etcdSettings(readMetadata(componentSpec('state.etcd', metadata), ETCD_FIELDS, log));

/** After so long a proof of life is none any more, with a little on top. */
export const PROOF_MS = 1050;

const clients: EtcdClient[] = [];
const started: { stop(): Promise<void> }[] = [];
afterEach(async () => { await Promise.all(clients.splice(0).map((client) => client.close())); });
afterAll(async () => { await Promise.all(started.splice(0).map((server) => server.stop())); });
export const start = async <T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> => { const server = await starting; started.push(server); return server; };
export const open = async (metadata: Metadata, log: MemoryLog = memoryLog(), signal = AbortSignal.timeout(10_000)): Promise<EtcdClient> => {
  const client = await openEtcd(settingsOf(metadata, log), log, signal);
  clients.push(client);
  return client;
};

export const put = (key: string, value: string | Buffer, lease?: string): EtcdOperation => ({ kind: 'put', key, value: Buffer.from(value), ...(lease === undefined ? {} : { lease }) });
export const drop = (range: EtcdRange): EtcdOperation => ({ kind: 'delete', range });
export const doing = (client: EtcdClient, ...success: EtcdOperation[]) => client.transact({ compare: [], success });
export const textOf = async (client: EtcdClient, key: string): Promise<string | undefined> => (await client.range({ key })).items[0]?.value.toString();
export const keysOf = (items: readonly EtcdItem[]): string[] => items.map(({ key }) => key.toString());

/** Whatever a watch was told, in order. */
export interface Heard {
  readonly watch: EtcdWatch;
  /** A word for each call, with what matters about it. */
  readonly words: string[];
  /** Revisions that `changed` told. */
  readonly revisions: number[];
  /** What there is, put together from all that was told. */
  readonly known: Map<string, string>;
  snapshotRevision: number;
  refusal: Error | undefined;
}

export function listen(client: EtcdClient, range: EtcdRange): Heard {
  const words: string[] = [];
  const revisions: number[] = [];
  const known = new Map<string, string>();
  const heard: { -readonly [K in keyof Heard]: Heard[K] } = {
    words, revisions, known, snapshotRevision: 0, refusal: undefined,
    watch: client.watch(range, {
      snapshot: (items, revision) => {
        words.push('snapshot');
        heard.snapshotRevision = revision;
        known.clear();
        for (const { key, value } of items) known.set(key.toString(), value.toString());
      },
      changed: (changes, revision) => {
        words.push('changed');
        revisions.push(revision);
        for (const [key, item] of changes) {
          if (item === undefined) known.delete(key);
          else known.set(key, item.value.toString());
        }
      },
      lost: () => void words.push('lost'),
      found: () => void words.push('found'),
      refused: (cause) => {
        words.push('refused');
        heard.refusal = cause;
      },
    }),
  };
  return heard;
}

/** All revisions from the first to the last: none missing, none twice, in order. */
export const allFrom = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, index) => first + index);

export interface Proxy {
  readonly address: string;
  /** Cuts all connections and takes no new ones, until `mend`. */
  cut(): void;
  /** Connections stay and carry nothing any more, ever; no new ones are taken, until `mend`. */
  silence(): void;
  mend(): void;
  /** What it has carried so far, in both directions. */
  bytes(): number;
  stop(): Promise<void>;
}

/** A way to a server that can be cut while the server goes on. */
export async function startProxy(port: number): Promise<Proxy> {
  const pairs = new Set<{ readonly near: Socket; readonly far: Socket; silent: boolean }>();
  let open = true;
  let carried = 0;
  const server = createServer((near) => {
    if (!open) return near.destroy();
    const far = connect(port, '127.0.0.1');
    const pair = { near, far, silent: false };
    pairs.add(pair);
    for (const [from, to] of [[near, far], [far, near]] as const) {
      from.on('error', () => undefined); // its other side is told by `close`
      from.on('close', () => { to.destroy(); pairs.delete(pair); });
      from.on('data', (bytes) => {
        if (pair.silent) return;
        carried += bytes.length;
        to.write(bytes);
      });
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    open = false;
    for (const { near } of pairs) near.destroy();
  };
  return {
    address: `127.0.0.1:${(server.address() as { port: number }).port}`,
    cut,
    silence: () => {
      open = false;
      for (const pair of pairs) pair.silent = true;
    },
    mend: () => { open = true; },
    bytes: () => carried,
    stop: async () => {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
