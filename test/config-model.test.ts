// Random sequences of everything that may happen to a configuration store, its watch, its subscribers and their block, against
// what a subscriber and a reader may count on.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RESUME } from '../proto/control.ts';
import type { ConfigItem, ConfigStore, Items, Keys, Watch, WatchListener } from '../blocks/config/store.ts';
import { item, rig, turn, type FakeStore, type FakeStream, type Rig } from './harness/config-block.ts';
import { FakeKernel } from './harness/pubsub.ts';
import type { MemoryCheckpoints } from './support.ts';

const KEYS = ['a', 'b', 'c', 'd'];

/** A store whose watch does what a contract allows: it is late, says that it knows of a change and not of which, goes and comes. */
class Store implements ConfigStore {
  readonly features: readonly string[] = [];
  readonly watchesAllCheaply = true;
  readonly truth: Map<string, ConfigItem>;
  /** Says at once what a key has become, or first that it has changed. */
  readonly prompt: boolean;
  #listener!: WatchListener;
  readonly #named = new Set<string>();
  #all = false;
  /** Of what is watched: what is still to be told. */
  readonly #untold = new Set<string>();
  #allUntold = false;
  #lost = false;

  constructor(prompt: boolean, truth: ReadonlyMap<string, ConfigItem> = new Map()) {
    this.prompt = prompt;
    this.truth = new Map(truth);
  }

  get(keys: Keys): Items {
    return new Map([...this.truth].filter(([key]) => keys === 'all' || keys.includes(key)));
  }

  openWatch(listener: WatchListener): Watch {
    this.#listener = listener;
    return {
      add: (keys) => {
        if (keys === 'all') {
          this.#all = true;
          this.#allUntold = true;
        } else {
          for (const key of keys) {
            if (!(this.#all && !this.#allUntold) && !this.#named.has(key)) this.#untold.add(key);
            this.#named.add(key);
          }
        }
      },
      remove: (keys) => {
        if (keys === 'all') this.#all = this.#allUntold = false;
        else for (const key of keys) this.#named.delete(key);
      },
      isLive: () => !this.#lost,
    };
  }

  change(key: string, value: string | undefined): void {
    if (value === undefined) this.truth.delete(key);
    else this.truth.set(key, item(value));
    if (this.#lost || !(this.#named.has(key) || (this.#all && !this.#allUntold))) return;
    if (!this.prompt) {
      this.#untold.add(key);
      this.#listener.touched([key]);
    } else if (!this.#untold.has(key) || (this.#all && !this.#allUntold)) {
      this.#tell([key]);
    }
  }

  /** Tells what is still to be told. */
  flush(): void {
    if (this.#lost) return;
    const untold = [...this.#untold].filter((key) => this.#all || this.#named.has(key));
    this.#untold.clear();
    if (this.#allUntold) this.#tellAll();
    else if (untold.length > 0) this.#tell(untold);
  }

  lose(): void {
    if (this.#lost || !(this.#all || this.#named.size > 0)) return;
    this.#lost = true;
    this.#untold.clear();
    this.#listener.lost('gone');
  }

  find(): void {
    if (!this.#lost) return;
    this.#lost = false;
    this.#untold.clear();
    if (this.#all) this.#tellAll();
    else if (this.#named.size > 0) this.#tell([...this.#named]);
  }

  close(): void {}

  #tell(keys: readonly string[]): void {
    this.#listener.state(new Map(keys.map((key) => [key, this.truth.get(key)])), false);
  }

  #tellAll(): void {
    this.#allUntold = false;
    this.#untold.clear();
    const missing = [...this.#named].filter((key) => !this.truth.has(key));
    this.#listener.state(new Map<string, ConfigItem | undefined>([...this.truth, ...missing.map((key) => [key, undefined] as const)]), true);
  }
}

type Op =
  | readonly ['change', string, boolean] | readonly ['flush' | 'lose' | 'find' | 'die' | 'turn' | 'app up' | 'app down']
  | readonly ['subscribe' | 'get', readonly string[]] | readonly ['subscribe app', readonly string[]] | readonly ['leave' | 'leave app' | 'starve' | 'grant', number];

const key = fc.constantFrom(...KEYS);
const keys = fc.oneof({ weight: 3, arbitrary: fc.uniqueArray(key, { minLength: 1, maxLength: 3 }) }, { weight: 1, arbitrary: fc.constant<string[]>([]) });
const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 12, arbitrary: fc.tuple(fc.constant('change' as const), key, fc.boolean()) },
  { weight: 6, arbitrary: fc.constantFrom(['flush'] as const, ['turn'] as const) },
  { weight: 1, arbitrary: fc.constantFrom(['lose'] as const, ['app down'] as const, ['die'] as const) },
  { weight: 2, arbitrary: fc.constantFrom(['find'] as const, ['app up'] as const) },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom('subscribe' as const, 'subscribe app' as const), keys) },
  { weight: 6, arbitrary: fc.tuple(fc.constant('get' as const), keys) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('leave' as const, 'leave app' as const, 'starve' as const, 'grant' as const), fc.nat(9)) },
);

/** What a subscriber has been told of each key, after what it began with. */
class Told {
  readonly keys: readonly string[];
  readonly baseline: ReadonlyMap<string, string | undefined>;
  readonly values = new Map<string, (string | undefined)[]>();

  constructor(wanted: readonly string[], truth: ReadonlyMap<string, ConfigItem>) {
    this.keys = wanted.length === 0 ? KEYS : wanted;
    this.baseline = new Map(this.keys.map((one) => [one, truth.get(one)?.value]));
  }

  note(one: string, value: string | undefined): void {
    const values = this.values.get(one);
    if (values === undefined) this.values.set(one, [value]);
    else values.push(value);
  }

  /** What it believes a key to be. */
  belief(one: string): string | undefined {
    const values = this.values.get(one);
    return values === undefined ? this.baseline.get(one) : values.at(-1);
  }

  /** Values count upwards: it is never told something older, nor the same twice in a row. @param twice is allowed */
  check(twice: boolean): void {
    for (const [one, values] of this.values) {
      let highest = -1;
      for (const [index, value] of values.entries()) {
        if (index > 0 && !twice) expect(value, `${one} is told twice`).not.toBe(values[index - 1]);
        if (value === undefined) continue;
        expect(Number(value), `${one} goes back`)[twice ? 'toBeGreaterThanOrEqual' : 'toBeGreaterThan'](highest);
        highest = Number(value);
      }
      expect(this.keys, 'nobody is told what it did not want').toContain(one);
    }
  }
}

class StreamClient {
  readonly name: string;
  readonly wanted: readonly string[];
  stream: FakeStream;
  told: Told | undefined;
  #read = 0;

  constructor(name: string, wanted: readonly string[], stream: FakeStream) {
    this.name = name;
    this.wanted = wanted;
    this.stream = stream;
  }

  /** Takes in what has come; the first message is when it begins. */
  take(truth: ReadonlyMap<string, ConfigItem>): void {
    const { messages } = this.stream;
    if (this.told === undefined && messages.length > 0) this.told = new Told(this.wanted, truth);
    for (; this.#read < messages.length; this.#read++) {
      for (const [one, { value, version }] of messages[this.#read]!.items) this.told!.note(one, value === '' && version === '' ? undefined : value);
    }
  }

  resume(stream: FakeStream): void {
    this.stream = stream;
    this.#read = 0;
  }
}

class World {
  store: Store;
  kernel = new FakeKernel();
  sidecar!: Rig;
  readonly clients: StreamClient[] = [];
  readonly apps = new Map<string, Told>();
  #seen = 0;
  #value = 0;
  #streams = 0;
  #appUp = true;
  readonly #cacheMaxKeys: number;
  hits = 0;

  constructor(prompt: boolean, cacheMaxKeys: number) {
    this.store = new Store(prompt);
    this.#cacheMaxKeys = cacheMaxKeys;
  }

  async start(checkpoints?: MemoryCheckpoints): Promise<void> {
    this.kernel = new FakeKernel();
    this.kernel.auto = (call) => call.answer(200);
    this.#seen = 0;
    // The rig is made for its own fake; all it asks of it is to be a store.
    this.sidecar = await rig({ S: this.store as unknown as FakeStore }, { kernel: this.kernel, appUp: this.#appUp, metadata: { cacheMaxKeys: String(this.#cacheMaxKeys) }, ...(checkpoints === undefined ? {} : { checkpoints }) });
    this.take();
  }

  /** Everybody notes what it has been told by now. */
  take(): void {
    for (const client of this.clients) client.take(this.store.truth);
    for (; this.#seen < this.kernel.calls.length; this.#seen++) {
      const { request, body } = this.kernel.calls[this.#seen]!;
      const { id, items } = JSON.parse(body) as { readonly id: string; readonly items: Readonly<Record<string, { readonly value?: string }>> };
      const one = request.target.slice('/configuration/S/'.length);
      this.apps.get(id)?.note(one, items[one]?.value);
    }
  }

  async run(step: Op): Promise<void> {
    switch (step[0]) {
      case 'change':
        this.store.change(step[1], step[2] ? String(++this.#value) : undefined);
        break;
      case 'flush':
        this.store.flush();
        break;
      case 'lose':
        this.store.lose();
        break;
      case 'find':
        this.store.find();
        break;
      case 'turn':
        await turn();
        break;
      case 'app up':
      case 'app down':
        this.#appUp = step[0] === 'app up';
        await this.sidecar.block.appChanged!(this.#appUp ? 'up' : 'down');
        break;
      case 'subscribe': {
        const name = String(++this.#streams);
        this.clients.push(new StreamClient(name, step[1], this.sidecar.stream('S', step[1], { [RESUME.stream]: name })));
        break;
      }
      case 'subscribe app': {
        const subscribing = this.sidecar.subscribeApp('S', ...step[1]);
        this.store.find();
        this.store.flush();
        this.apps.set(await subscribing, new Told(step[1], this.store.truth));
        break;
      }
      case 'get':
        await this.#get(step[1]);
        break;
      case 'leave': {
        const [client] = this.clients.splice(step[1] % Math.max(1, this.clients.length), 1);
        client?.stream.onCancel();
        break;
      }
      case 'leave app': {
        const id = [...this.apps.keys()][step[1] % Math.max(1, this.apps.size)];
        if (id === undefined) break;
        expect((await this.sidecar.unsubscribe(id)).ok).toBe(true);
        this.apps.delete(id);
        break;
      }
      case 'starve':
      case 'grant': {
        const stream = this.clients[step[1] % Math.max(1, this.clients.length)]?.stream;
        if (stream === undefined || (stream.credit === 0) === (step[0] === 'starve')) break;
        if (step[0] === 'starve') stream.credit = Math.min(stream.credit, 1);
        else stream.grant(Infinity);
        break;
      }
      case 'die':
        await this.#die();
    }
    this.take();
  }

  /** Ends with the watch well, everybody able to listen, and everything told. */
  async settle(): Promise<void> {
    this.store.find();
    this.store.flush();
    await this.run(['app up']);
    for (const { stream } of this.clients) stream.grant(Infinity);
    for (let quiet = 0; quiet < 3; quiet++) {
      const before = this.kernel.calls.length;
      await turn();
      this.store.flush();
      if (this.kernel.calls.length > before) quiet = -1;
    }
    this.take();
  }

  async #get(wanted: readonly string[]): Promise<void> {
    const [values, cache] = await this.sidecar.get('S', ...wanted);
    if (cache === 'hit') this.hits++;
    const expected = Object.fromEntries([...this.store.truth].filter(([one]) => wanted.length === 0 || wanted.includes(one)).map(([one, { value }]) => [one, value]));
    expect(values, `a ${cache} is what the store has`).toEqual(expected);
  }

  async #die(): Promise<void> {
    const { checkpoints } = this.sidecar;
    this.kernel.auto = undefined; // what the former life was asking is not answered any more
    this.store = new Store(this.store.prompt, this.store.truth);
    for (const client of this.clients) client.stream.send = () => true; // nor is what it says heard
    await this.start(checkpoints.next());
    for (const client of this.clients) {
      const headers: Record<string, string> = { [RESUME.stream]: client.name };
      if (client.told !== undefined) headers[RESUME.resumed] = '1';
      client.resume(this.sidecar.stream('S', client.wanted, headers));
    }
  }
}

async function history(prompt: boolean, cacheMaxKeys: number, ops: readonly Op[]): Promise<World> {
  const world = new World(prompt, cacheMaxKeys);
  await world.start();
  for (const step of ops) await world.run(step);
  await world.settle();
  const truth = (one: string): string | undefined => world.store.truth.get(one)?.value;
  for (const { told, stream, wanted } of world.clients) {
    expect(stream.ended).toBeUndefined();
    expect(told, `the subscription to ${wanted.join(' ')} stands`).toBeDefined();
    told!.check(false);
    for (const one of told!.keys) expect(told!.belief(one), `${one} at last, on a stream`).toBe(truth(one));
  }
  for (const told of world.apps.values()) {
    told.check(true);
    for (const one of told.keys) expect(told.belief(one), `${one} at last, in the application`).toBe(truth(one));
  }
  return world;
}

describe('whatever happens', () => {
  it.each([true, false])('subscribers end with what the store has, told in order, and no hit is stale (a watch that tells at once: %s)', async (prompt) => {
    let hits = 0;
    await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 5 }), fc.array(op, { minLength: 10, maxLength: 80, size: 'max' }), async (cacheMaxKeys, ops) => {
      hits += (await history(prompt, cacheMaxKeys, ops)).hits;
    }), { numRuns: 300 });
    expect(hits, 'memory was of some use').toBeGreaterThan(100);
  }, 120_000);

  it('nothing is left when everybody has left', async () => {
    await fc.assert(fc.asyncProperty(fc.array(op, { maxLength: 40, size: 'max' }), async (ops) => {
      const world = await history(true, KEYS.length, ops);
      for (const { stream } of world.clients) stream.onCancel();
      for (const id of world.apps.keys()) expect((await world.sidecar.unsubscribe(id)).ok).toBe(true);
      expect([...world.sidecar.checkpoints.kept]).toEqual([]);
    }), { numRuns: 200 });
  }, 120_000);
});

describe('a subscriber with credit, on a watch that is never lost', () => {
  it('is told of each change, once', async () => {
    const changes = fc.array(fc.tuple(key, fc.boolean()), { maxLength: 50, size: 'max' });
    await fc.assert(fc.asyncProperty(changes, keys, async (steps, wanted) => {
      const world = new World(true, KEYS.length);
      await world.start();
      await world.run(['subscribe', wanted]);
      await world.run(['flush']);
      const { stream, told } = world.clients[0]!;
      const expected: (readonly [string, string | undefined])[] = [];
      for (const [one, exists] of steps) {
        const before = world.store.truth.get(one)?.value;
        await world.run(['change', one, exists]);
        const now = world.store.truth.get(one)?.value;
        if (told!.keys.includes(one) && before !== now) expected.push([one, now]);
      }
      expect(stream.told.flatMap((step) => Object.entries(step))).toEqual(expected);
    }), { numRuns: 200 });
  }, 60_000);
});
