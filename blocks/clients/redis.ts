// One life of a connection to Redis, and the only file that imports ioredis: a single server, a cluster or a sentinel
// group behind one face. It connects once; when it ends it stays ended, and redis-client.ts makes a new one.
import { Cluster, Command, Redis, type RedisOptions } from 'ioredis';
import type { RedisSettings } from './redis-settings.ts';

/** Bytes stay bytes; text is sent as UTF-8. */
export type RedisArgument = string | number | Buffer;
/** What Redis answered, with every text as bytes. */
export type RedisReply = Buffer | number | null | RedisReply[];

/** A Lua script. Sent whole once a connection, by its digest after that. */
export interface RedisScript {
  /** Unique within a client; letters only. */
  readonly name: string;
  readonly lua: string;
}

/** A message of a channel that a listening link has subscribed to. `payload` is null for the server's own news of a flush. */
export type OnMessage = (channel: string, payload: Buffer | null) => void;

/** Keys that the server looks at in one step of a scan; calls of others come in between. */
const SCAN_STEP = 1000;
/** How long a peer that doesn't answer our goodbye may take. Milliseconds. */
const GOODBYE_MS = 500;
/** On a listening link nothing is due for hours: the system itself asks whether the peer is still there. Milliseconds. */
const KEEP_ALIVE_MS = 10_000;
/** Longest silence of a listening link's peer while an answer is due, where the settings know no limit. Milliseconds. */
const MAX_SILENCE_MS = 30_000;
/** ioredis' text for a connection that went away; the reason comes as an event before it. */
const CLOSED = 'Connection is closed.';
/** ioredis' text for "nothing was sent": the connection was down before the command reached it. */
const NOT_SENT = /isn't (?:writeable|ready) and enableOfflineQueue/;

/** What went wrong with a call. `trouble` is the reason as far as the error itself knows it. */
export type RedisFailure =
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'unsent' }
  | { readonly kind: 'lost'; readonly trouble: string | undefined };

/** Sorts what a call threw. The errors of ioredis must go no further: they carry the command with its arguments, which may be secret or large. */
export function failureOf(cause: unknown): RedisFailure {
  if (!(cause instanceof Error)) return { kind: 'lost', trouble: String(cause) };
  if (cause.name === 'ReplyError') return { kind: 'refused', message: cause.message };
  if (NOT_SENT.test(cause.message)) return { kind: 'unsent' };
  return { kind: 'lost', trouble: cause.message === CLOSED ? undefined : cause.message };
}

export class RedisLink {
  readonly #settings: RedisSettings;
  readonly #client: Redis | Cluster;
  readonly #scripts = new Set<RedisScript>();
  readonly #onTrouble: (reason: string) => void;
  #corked = false;

  /**
   * @param onTrouble told why a connection, or a node of a cluster, can't be reached or went away; comes before the calls fail
   * @param onEnd called once, when the link is over
   * @param onMessage makes it a listening link: it may subscribe, and while it does that is all it can do beside a PING. Not for clusters
   */
  constructor(settings: RedisSettings, onTrouble: (reason: string) => void, onEnd: (link: RedisLink) => void, onMessage?: OnMessage) {
    this.#settings = settings;
    this.#onTrouble = onTrouble;
    this.#client = newClient(settings, onMessage === undefined ? {} : listening(settings));
    if (onMessage !== undefined) {
      this.#client.on('messageBuffer', (channel: Buffer, payload: Buffer | null) => onMessage(channel.toString(), payload));
      this.#client.on('pmessageBuffer', (_pattern: string, channel: Buffer, payload: Buffer) => onMessage(channel.toString(), payload));
    }
    this.#client.on('error', (cause: Error) => this.#note(cause.message, cause.name));
    this.#client.on('node error', ({ message, name }: Error, node: string) => this.#note(message.includes(node) ? message : `${node}: ${message}`, name));
    this.#client.once('end', () => onEnd(this));
  }

  /** True while commands can be sent. */
  get ready(): boolean {
    return this.#client.status === 'ready';
  }

  get ended(): boolean {
    return this.#client.status === 'end';
  }

  /** True when commands can be sent; false when the link ended instead, and `onTrouble` knows why. */
  async connect(): Promise<boolean> {
    const connected = await new Promise<boolean>((resolve) => {
      this.#client.once('ready', () => resolve(true));
      this.#client.once('end', () => resolve(false));
      this.#client.connect().catch(() => undefined); // the same news comes as `end`, and its reason as `error`
    });
    if (connected || this.#settings.topology === 'node') return connected;
    const trouble = await probe(this.#settings); // clusters and sentinels hide why nobody answered
    if (trouble !== undefined) this.#onTrouble(trouble);
    return false;
  }

  send(name: string, args: readonly RedisArgument[]): Promise<RedisReply> {
    this.#cork();
    return this.#client.sendCommand(newCommand(name, args)) as Promise<RedisReply>;
  }

  run(script: RedisScript, keys: readonly string[], args: readonly RedisArgument[]): Promise<RedisReply> {
    if (!this.#scripts.has(script)) {
      this.#scripts.add(script);
      this.#client.defineCommand(script.name, { lua: script.lua });
    }
    this.#cork();
    // defineCommand adds methods that the class's type can't know
    const methods = this.#client as unknown as Record<string, (...args: RedisArgument[]) => Promise<RedisReply>>;
    const method = methods[`${script.name}Buffer`];
    if (method === undefined) throw new Error(`script ${script.name} is not defined`);
    return method.call(this.#client, keys.length, ...keys, ...args);
  }

  /** WAIT, sent where writes to `key` go: it names no key, and left alone a cluster would answer from any node. */
  wait(key: string, replicas: number, timeoutMs: number): Promise<RedisReply> {
    const command = newCommand('wait', [replicas, timeoutMs]);
    const reply = this.#client instanceof Cluster ? this.#client.sendCommand(command, undefined, { slot: slotOf(key) }) : this.#client.sendCommand(command);
    return reply as Promise<RedisReply>;
  }

  /** Replicas attached to the server; in a cluster, to the node that has fewest. */
  async replicas(): Promise<number> {
    const nodes = this.#client instanceof Cluster ? this.#client.nodes('master') : [this.#client];
    const counts = await Promise.all(nodes.map(async (node) => Number(/^connected_slaves:(\d+)/m.exec(await node.info('replication'))?.[1] ?? 0)));
    return counts.length === 0 ? 0 : Math.min(...counts);
  }

  /** Names of all keys of a type; in a cluster, of all nodes. A name may come twice. Stops soon after it has more than `most`. */
  async keys(type: string, most: number): Promise<Buffer[]> {
    const nodes = this.#client instanceof Cluster ? this.#client.nodes('master') : [this.#client];
    const names: Buffer[] = [];
    for (const node of nodes) {
      let cursor = '0';
      do {
        const [next, page] = (await node.sendCommand(newCommand('scan', [cursor, 'COUNT', SCAN_STEP, 'TYPE', type]))) as [Buffer, Buffer[]];
        for (const name of page) names.push(name);
        cursor = next.toString();
      } while (cursor !== '0' && names.length <= most);
    }
    return names;
  }

  /** Ends the link in whatever state it is; its sockets and timers are gone when this resolves. */
  close(): Promise<void> {
    return goodbye(this.#client);
  }

  #note(message: string, name: string): void {
    if (!message.endsWith(CLOSED) && name !== 'ClusterAllFailedError') this.#onTrouble(message); // those only say that something else came before
  }

  /**
   * Holds back the socket until this turn of the event loop ends, and not only this callback: in a monolith each call of a
   * turn comes in one of its own. So the turn's calls leave in one packet. ioredis' own automatic pipelines do the same with
   * more work for each call, and in a cluster they fail a whole batch when one slot moves.
   */
  #cork(): void {
    if (this.#corked) return;
    this.#corked = true;
    const clients = this.#client instanceof Cluster ? this.#client.nodes('master') : [this.#client];
    const streams = clients.map(({ stream }) => stream).filter((stream) => stream !== undefined && stream.writable);
    for (const stream of streams) stream.cork();
    setImmediate(() => {
      this.#corked = false;
      for (const stream of streams) stream.uncork();
    });
  }
}

/** True if all keys share a slot of a cluster, as the keys of one call must. */
export function inOneSlot(keys: readonly string[]): boolean {
  const slot = slotOf(keys[0] ?? '');
  return keys.every((key) => slotOf(key) === slot);
}

function newClient(settings: RedisSettings, special: RedisOptions): Redis | Cluster {
  const { addresses, sentinel, tls, database: db } = settings;
  const options = { ...clientOptions(settings), ...special };
  if (settings.topology === 'cluster') {
    return new Cluster(addresses.map(({ host, port }) => ({ host, port })), {
      redisOptions: options,
      lazyConnect: true,
      // Only calls that wait for a node's own connection queue up here; RedisClient bounds their number.
      enableOfflineQueue: true,
      clusterRetryStrategy: null,
      // "Connection is closed" must not mean "send it again elsewhere": the write may have been done.
      retryDelayOnFailover: 0,
      slotsRefreshTimeout: settings.dialTimeoutMs,
      ...(tls === undefined ? {} : { dnsLookup: (host, done) => done(null, host) }), // keep names: certificates are made out to them
    });
  }
  if (sentinel === undefined) return new Redis({ ...options, ...addresses[0], db });
  return new Redis({
    ...options,
    db,
    sentinels: addresses.map(({ host, port }) => ({ host, port })),
    name: sentinel.master,
    sentinelUsername: sentinel.username,
    sentinelPassword: sentinel.password,
    sentinelRetryStrategy: () => null,
    sentinelCommandTimeout: settings.dialTimeoutMs,
    enableTLSForSentinelMode: tls !== undefined,
    sentinelTLS: tls,
  });
}

function clientOptions(settings: RedisSettings): RedisOptions {
  return {
    username: settings.username,
    password: settings.password,
    tls: settings.tls,
    connectionName: 'bulkhead',
    disableClientInfo: true,
    connectTimeout: settings.dialTimeoutMs,
    disconnectTimeout: GOODBYE_MS,
    // Silence while an answer is due: the connection is given up. One timer a connection, not one a command.
    socketTimeout: settings.readTimeoutMs,
    lazyConnect: true,
    // redis-client.ts decides what waits, what is sent again and when to reconnect. ioredis by default queues without bound and
    // sends unanswered commands again, writes too.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: null,
    // A primary that became a replica refuses writes over a connection that stays up: look for the new one.
    reconnectOnError: (cause) => cause.message.startsWith('READONLY'),
  };
}

/** In the newer protocol the server's news of a flush would come in a form that ioredis drops. */
function listening({ readTimeoutMs = MAX_SILENCE_MS }: RedisSettings): RedisOptions {
  return { protocol: 2, keepAlive: KEEP_ALIVE_MS, socketTimeout: readTimeoutMs };
}

/** Why the first seed of a cluster, or the first sentinel, is of no use; undefined if it is. */
async function probe(settings: RedisSettings): Promise<string | undefined> {
  const { addresses: [first], sentinel } = settings;
  const client = new Redis({
    ...clientOptions(settings),
    ...first,
    enableOfflineQueue: true,
    ...(sentinel === undefined ? {} : { username: sentinel.username, password: sentinel.password }),
  });
  let trouble: string | undefined;
  client.on('error', (cause: Error) => { trouble ??= cause.message; });
  try {
    if (sentinel === undefined) await client.cluster('INFO');
    else if ((await client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', sentinel.master)) === null) return `the sentinel knows no primary named "${sentinel.master}"`;
    return undefined;
  } catch (cause) {
    return trouble ?? (cause as Error).message;
  } finally {
    await goodbye(client);
  }
}

async function goodbye(client: Redis | Cluster): Promise<void> {
  if (client.status === 'end' || client.status === 'wait') return;
  if (client instanceof Cluster && client.nodes().length === 0) {
    client.disconnect(); // nothing is open, so no event would follow
    return;
  }
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, 2 * GOODBYE_MS);
    client.once('end', () => {
      clearTimeout(timer);
      resolve();
    });
    client.disconnect();
  });
}

function newCommand(name: string, args: readonly RedisArgument[]): Command {
  return new Command(name, [...args], { replyEncoding: null });
}

/** The cluster slot of a key, which depends on its `{tag}` if it has one. */
function slotOf(key: string): number {
  return new Command('get', [key]).getSlot();
}
