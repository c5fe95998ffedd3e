// What a key and value of etcd are as configuration.
import { isUtf8 } from 'node:buffer';
import type { EtcdItem } from '../clients/etcd/etcd.ts';
import type { ConfigItem, Items } from './store.ts';

/** Undefined for a key that no request can name: the prefix itself, or bytes that are no text. */
export function keyUnder(prefix: string, path: Buffer): string | undefined {
  if (!isUtf8(path)) return undefined;
  const key = path.toString().slice(prefix.length);
  return key === '' ? undefined : key;
}

/** Bytes of the value that are no text are replaced, as everywhere. */
export function configItem({ value, modRevision }: EtcdItem): ConfigItem {
  return { value: value.toString(), version: modRevision.toString(), metadata: {} };
}

export function itemsUnder(prefix: string, found: readonly EtcdItem[]): Items {
  const items = new Map<string, ConfigItem>();
  for (const item of found) {
    const key = keyUnder(prefix, item.key);
    if (key !== undefined) items.set(key, configItem(item));
  }
  return items;
}
