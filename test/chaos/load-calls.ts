// One call of each kind that the load makes, over either protocol, with what must be noted of it.
import { PublishEventRequest } from '../../proto/gen/dapr/proto/runtime/v1/pubsub.ts';
import { GrpcFailure, type GrpcClient } from '../harness/grpc.ts';
import type { HttpClient, HttpReply } from '../harness/http.ts';
import { getBulkState, getState, saveState, stateItem } from '../harness/states.ts';
import { Growing, Unique, Writes, type Lost } from './books.ts';
import { clockMs } from './clock.ts';
import { TOPIC, type Lane } from './lanes.ts';

/** A call has no answer for so long: it has failed. */
const CALL_MS = 25_000;
const KEYS = 400;
const RESOURCES = 128;
/** Short: a lock whose answer was lost is in nobody's way for long. Seconds. */
const EXPIRY_S = 4;
export const CONFIG_KEY = 'chaos-key';
export const CONFIG_VALUE = 'calm';

export class CallFailed extends Error {
  override readonly name = 'CallFailed';
  /** It was given up: whatever it was to do may still be done. */
  readonly isOpen: boolean;

  constructor(message: string, isOpen = false) {
    super(message);
    this.isOpen = isOpen;
  }
}

/** What the books say in the end. */
export interface Balance {
  /** By store. */
  readonly writes: Readonly<Record<string, number>>;
  /** By broker: the numbers of the messages that were acknowledged, with the times when. */
  readonly published: Readonly<Record<string, readonly (readonly [number: number, atMs: number])[]>>;
  readonly locks: number;
  readonly ids: number;
  /** Acknowledged writes that are not there, or were not when they were read. */
  readonly lostWrites: readonly Lost[];
  /** Tokens that fell and ids that came twice. */
  readonly broken: readonly Lost[];
}

export interface Clients {
  readonly http: HttpClient;
  readonly grpc: GrpcClient;
}

export class LoadCalls {
  readonly #clientsOf: (block: Lane['block']) => Clients;
  readonly #writes = new Map<string, Writes>();
  readonly #published = new Map<string, [number, number][]>();
  readonly #stale: Lost[] = [];
  readonly #tokens = new Growing();
  readonly #ids = new Unique();
  #messages = 0;
  #locks = 0;
  #turn = 0;
  readonly #kept: ReadonlySet<string>;

  /** @param clientsOf connections of its own for each block: calls that get no answer must not be in the way of others' */
  constructor(clientsOf: (block: Lane['block']) => Clients, lanes: readonly Lane[]) {
    this.#clientsOf = clientsOf;
    this.#kept = new Set(lanes.filter(({ kept }) => kept).map(({ component }) => component));
  }

  /** @throws CallFailed */
  async call({ operation, component, protocol }: Lane): Promise<void> {
    const overHttp = protocol === 'HTTP';
    switch (operation) {
      case 'write': return this.#write(component, overHttp);
      case 'read': return this.#read(component, overHttp);
      case 'publish': return this.#publish(component, overHttp);
      case 'config': return this.#config(component, overHttp);
      case 'lock': return this.#lock(component);
      case 'ids': return this.#draw(component, overHttp);
      case 'metadata': return void (overHttp ? await this.#send('kernel', 'GET', '/v1.0/metadata', 200) : await this.#ask('kernel', (grpc) => grpc.call('GetMetadata', {}, { deadlineMs: CALL_MS })));
      case 'health': return void (await this.#send('kernel', 'GET', '/v1.0/healthz/outbound', 204));
    }
  }

  /** Reads everything back. The load is over. */
  async balance(): Promise<Balance> {
    const lostWrites = [...this.#stale];
    for (const [store, writes] of this.#writes) {
      if (!this.#kept.has(store)) continue;
      const { keys } = writes;
      for (let at = 0; at < keys.length; at += 200) {
        const { items } = await this.#clientsOf('state').grpc.call('GetBulkState', getBulkState(store, ...keys.slice(at, at + 200)));
        for (const { key, data } of items) {
          const fault = writes.fault(key, data.length === 0 ? 0 : Number(Buffer.from(data).toString()));
          if (fault !== undefined) lostWrites.push({ ...fault, what: `${store}: ${fault.what}` });
        }
      }
    }
    return {
      writes: Object.fromEntries([...this.#writes].map(([store, { acknowledged }]) => [store, acknowledged])),
      published: Object.fromEntries(this.#published),
      locks: this.#locks, ids: this.#ids.size, lostWrites, broken: [...this.#tokens.faults, ...this.#ids.faults],
    };
  }

  async #write(store: string, overHttp: boolean): Promise<void> {
    const writes = this.#writesOf(store);
    const { key, value } = writes.next(KEYS);
    try {
      if (overHttp) await this.#send('state', 'POST', `/v1.0/state/${store}`, 204, JSON.stringify([{ key, value }]));
      else await this.#ask('state', (grpc) => grpc.call('SaveState', saveState(store, stateItem(key, String(value))), { deadlineMs: CALL_MS }));
    } catch (cause) {
      writes.unknown(key, value, cause instanceof CallFailed && cause.isOpen);
      throw cause;
    }
    writes.done(key, value, clockMs());
  }

  async #read(store: string, overHttp: boolean): Promise<void> {
    const writes = this.#writesOf(store);
    const key = `k${this.#turn++ % KEYS}`;
    const floor = writes.floor(key);
    const text = overHttp
      ? (await this.#send('state', 'GET', `/v1.0/state/${store}/${key}`, [200, 204])).body
      : Buffer.from((await this.#ask('state', (grpc) => grpc.call('GetState', getState(store, key), { deadlineMs: CALL_MS }))).data).toString();
    if (this.#kept.has(store) && writes.isStale(key, text === '' ? 0 : Number(text), floor)) this.#stale.push({ what: `${store}: ${key} was read as ${text} when ${floor} had been acknowledged`, atMs: clockMs() });
  }

  async #publish(pubsub: string, overHttp: boolean): Promise<void> {
    const number = ++this.#messages;
    const data = `{"number":${number}}`;
    if (overHttp) await this.#send('pubsub', 'POST', `/v1.0/publish/${pubsub}/${TOPIC}`, 204, data, { 'Content-Type': 'application/json' });
    else {
      const request = { pubsubName: pubsub, topic: TOPIC, data: Buffer.from(data), dataContentType: 'application/json', metadata: new Map<string, string>() };
      await this.#ask('pubsub', (grpc) => grpc.bytes('PublishEvent', PublishEventRequest.encode(request).finish(), { deadlineMs: CALL_MS }));
    }
    const list = this.#published.get(pubsub) ?? [];
    this.#published.set(pubsub, list);
    list.push([number, clockMs()]);
  }

  async #config(store: string, overHttp: boolean): Promise<void> {
    const value = overHttp
      ? (JSON.parse((await this.#send('config', 'GET', `/v1.0/configuration/${store}?key=${CONFIG_KEY}`, 200)).body) as Record<string, { value: string }>)[CONFIG_KEY]?.value
      : (await this.#ask('config', (grpc) => grpc.call('GetConfiguration', { storeName: store, keys: [CONFIG_KEY], metadata: new Map() }, { deadlineMs: CALL_MS }))).items.get(CONFIG_KEY)?.value;
    if (value !== CONFIG_VALUE) throw new CallFailed(`the configuration says ${String(value)}`);
  }

  async #lock(store: string): Promise<void> {
    const turn = this.#turn++;
    const resourceId = `r${turn % RESOURCES}`;
    const lockOwner = `o${turn}`;
    const { body, headers } = await this.#send('lock', 'POST', `/v1.0-alpha1/lock/${store}`, 200, JSON.stringify({ resourceId, lockOwner, expiryInSeconds: EXPIRY_S }));
    if (!(JSON.parse(body) as { success: boolean }).success) return; // somebody has it whose answer was lost: it expires
    this.#locks++;
    this.#tokens.note(resourceId, BigInt(String(headers['bulkhead-fencing-token'])), clockMs());
    await this.#send('lock', 'POST', `/v1.0-alpha1/unlock/${store}`, 200, JSON.stringify({ resourceId, lockOwner }));
  }

  async #draw(store: string, overHttp: boolean): Promise<void> {
    const ids = overHttp
      ? (JSON.parse((await this.#send('sequencer', 'POST', `/v1.0-bulkhead/sequencer/${store}/chaos`, 200, '{"count":2}')).body) as { ids: string[] }).ids.map(BigInt)
      : (await this.#ask('sequencer', (grpc) => grpc.call('/bulkhead.v1.Sequencer/NextId', { storeName: store, key: 'chaos', increment: 0, count: 2, metadata: new Map() }, { deadlineMs: CALL_MS }))).ids.map(BigInt);
    if (ids.length !== 2) throw new CallFailed(`${ids.length} ids where 2 were asked for`);
    for (const id of ids) this.#ids.note(id, clockMs());
  }

  #writesOf(store: string): Writes {
    const known = this.#writes.get(store);
    if (known !== undefined) return known;
    const writes = new Writes();
    this.#writes.set(store, writes);
    return writes;
  }

  async #send(block: Lane['block'], method: string, path: string, expected: number | readonly number[], body?: string, headers: Readonly<Record<string, string>> = {}): Promise<HttpReply> {
    const reply = await this.#clientsOf(block).http.send(method, path, { ...(body === undefined ? {} : { body }), headers, timeoutMs: CALL_MS }).catch((cause: Error) => { throw new CallFailed(`no answer: ${cause.message}`, true); });
    if (![expected].flat().includes(reply.status)) throw new CallFailed(`${reply.status} ${reply.body.slice(0, 200)}`);
    return reply;
  }

  async #ask<Answer>(block: Lane['block'], call: (grpc: GrpcClient) => Promise<Answer>): Promise<Answer> {
    try {
      return await call(this.#clientsOf(block).grpc);
    } catch (cause) {
      const text = cause instanceof GrpcFailure ? `${cause.code} ${cause.text}` : String(cause);
      throw new CallFailed(text, !(cause instanceof GrpcFailure) || cause.code === 'DeadlineExceeded');
    }
  }
}
