// configuration.in-memory: what a file holds, followed as it changes; or what the component itself lists. For development,
// and for what is mounted into a container. Ours: Dapr has no such component.
import { isUtf8 } from 'node:buffer';
import type { DriverContext } from '../components.ts';
import { InvalidMetadata, type ComponentSpec } from '../driver.ts';
import { readMetadata, text } from '../metadata.ts';
import { CountedVersions } from './counted-versions.ts';
import { COMMON_FIELDS } from './fields.ts';
import { BrokenText, itemsParser, MAX_TEXT_BYTES, type WrittenItems } from './file.ts';
import { FollowedFile } from './file-watch.ts';
import type { ConfigItem, ConfigStore, Items, Keys, Watch, WatchListener } from './store.ts';

const FIELDS = {
  ...COMMON_FIELDS,
  /** Path of a YAML or JSON file of at most 1 MiB: a mapping of keys to values. */
  file: text(),
  /** The same as a text. */
  items: text({ secret: true }),
} as const;

/** @throws InvalidMetadata; Error for a file that is not there or makes no sense, which may mend */
export async function openMemoryConfig(spec: ComponentSpec, { log, checkpoints }: DriverContext): Promise<ConfigStore> {
  const { file: path, items: listed } = readMetadata(spec, FIELDS, log);
  if (path !== undefined && listed !== undefined) throw new InvalidMetadata('metadata fields "file" and "items" exclude each other: remove one of them');
  const store = new MemoryConfigStore(new CountedVersions(checkpoints));
  if (listed !== undefined) store.replace(await parseListed(listed));
  if (path === undefined) return store;
  const parse = await itemsParser();
  const file = new FollowedFile<WrittenItems>(path, MAX_TEXT_BYTES, {
    parse: (bytes) => {
      if (!isUtf8(bytes)) throw new BrokenText('it is not a text in UTF-8');
      return parse(bytes.toString());
    },
    changed: (content) => store.replace(content),
    broken: (reason) => log.error({}, `can't read the configuration from its file: ${reason}; what it held before stays`),
    polling: (reason) => log.warn({}, `can't watch the configuration's file (${reason}): looking at it once a second instead`),
  });
  store.onClose(() => file.close());
  try {
    store.replace(await file.open());
  } catch (cause) {
    file.close();
    throw cause;
  }
  return store;
}

async function parseListed(listed: string): Promise<WrittenItems> {
  if (Buffer.byteLength(listed) > MAX_TEXT_BYTES) throw new InvalidMetadata(`metadata field "items" is longer than ${MAX_TEXT_BYTES} bytes: use a file of less, or another component`);
  const parse = await itemsParser();
  try {
    return parse(listed);
  } catch (cause) {
    if (!(cause instanceof BrokenText)) throw cause;
    throw new InvalidMetadata(`metadata field "items" can't be read: ${cause.message}`);
  }
}

class MemoryConfigStore implements ConfigStore {
  readonly features = [];
  readonly watchesAllCheaply = true;
  readonly #versions: CountedVersions;
  #written: WrittenItems = new Map();
  #items: Items = new Map();
  #watch: MemoryWatch | undefined;
  #closed = false;
  #release = () => {};

  constructor(versions: CountedVersions) {
    this.#versions = versions;
    versions.onInherited = () => this.replace(this.#written);
  }

  /** @param release ends what fills the store */
  onClose(release: () => void): void {
    this.#release = release;
  }

  /** All items there are from now on. */
  replace(written: WrittenItems): void {
    if (this.#closed) return;
    this.#written = written;
    const before = this.#items;
    this.#items = this.#versions.of(written);
    this.#watch?.changed(differences(before, this.#items));
  }

  get(keys: Keys): Items {
    if (keys === 'all') return this.#items;
    const found = new Map<string, ConfigItem>();
    for (const key of keys) {
      const item = this.#items.get(key);
      if (item !== undefined) found.set(key, item);
    }
    return found;
  }

  openWatch(listener: WatchListener): Watch {
    this.#watch = new MemoryWatch(() => this.#items, listener);
    return this.#watch;
  }

  close(): void {
    this.#closed = true;
    this.#watch?.close();
    this.#release();
  }
}

/** Nothing can be lost on the way: what is told is what `get` answers at that moment. */
class MemoryWatch implements Watch {
  readonly #items: () => Items;
  readonly #listener: WatchListener;
  readonly #named = new Set<string>();
  #all = false;
  /** Of what is watched: what was added and not told yet. */
  readonly #untold = new Set<string>();
  #allUntold = false;
  #closed = false;

  constructor(items: () => Items, listener: WatchListener) {
    this.#items = items;
    this.#listener = listener;
  }

  add(keys: Keys): void {
    if (keys === 'all') {
      this.#allUntold ||= !this.#all;
      this.#all = true;
    } else {
      for (const key of keys) if (!this.#named.has(key)) this.#untold.add(key);
      for (const key of keys) this.#named.add(key);
    }
    if (this.#allUntold || this.#untold.size > 0) queueMicrotask(() => this.#tellUntold()); // who adds is done with that first
  }

  remove(keys: Keys): void {
    if (keys === 'all') {
      this.#all = false;
      this.#allUntold = false;
    } else {
      for (const key of keys) {
        this.#named.delete(key);
        this.#untold.delete(key);
      }
    }
  }

  isLive(): boolean {
    return !this.#closed;
  }

  changed(changes: ReadonlyMap<string, ConfigItem | undefined>): void {
    if (this.#closed) return;
    this.#tellUntold();
    const told = new Map([...changes].filter(([key]) => this.#all || this.#named.has(key)));
    if (told.size > 0) this.#listener.state(told, false);
  }

  close(): void {
    this.#closed = true;
  }

  #tellUntold(): void {
    if (this.#closed || !(this.#allUntold || this.#untold.size > 0)) return;
    const items = this.#items();
    const complete = this.#allUntold;
    const told = new Map<string, ConfigItem | undefined>(complete ? items : []);
    for (const key of this.#untold) told.set(key, items.get(key));
    this.#untold.clear();
    this.#allUntold = false;
    this.#listener.state(told, complete);
  }
}

function differences(before: Items, after: Items): Map<string, ConfigItem | undefined> {
  const changes = new Map<string, ConfigItem | undefined>();
  for (const key of before.keys()) if (!after.has(key)) changes.set(key, undefined);
  for (const [key, item] of after) if (!equal(before.get(key), item)) changes.set(key, item);
  return changes;
}

function equal(one: ConfigItem | undefined, other: ConfigItem): boolean {
  return one?.value === other.value && one.version === other.version && JSON.stringify(one.metadata) === JSON.stringify(other.metadata);
}
