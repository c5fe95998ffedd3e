// A key and what it is, with the forms in which it is sent: each is made when it is first asked for, and kept.
import { hash } from 'node:crypto';
import { encodeFields, encodeRepeated, type Field } from '../../proto/delimited.ts';
import { compareUtf8, quote } from '../../proto/gojson.ts';
import type { ConfigItem, StringMap } from './store.ts';

/** Characters of base64: 96 bits, so that no two states of a key are ever taken for one. */
const DIGEST_LENGTH = 16;
/** The digest of a key that does not exist. */
export const ABSENT = '';
/** In place of a digest: nobody knows what the key was when it was told, if it was. No digest is like it. */
export const UNSURE = '?';

export class KnownItem {
  readonly key: string;
  /** Undefined: there is no such key. */
  readonly item: ConfigItem | undefined;
  #json: string | undefined;
  #entry: Uint8Array | undefined;
  #digest: string | undefined;

  constructor(key: string, item: ConfigItem | undefined) {
    this.key = key;
    this.item = item;
  }

  /** A member of a JSON object, by Go's rules: `"key":{"value":"v","version":"1"}`. A key that does not exist has an empty object. */
  get json(): string {
    return (this.#json ??= `${quote(this.key)}:${itemJson(this.item)}`);
  }

  /** An entry of a protobuf map from keys to items. */
  get entry(): Uint8Array {
    return (this.#entry ??= encodeRepeated(0, [[1, this.key], [2, itemBytes(this.item)]]));
  }

  /** Short, and another one for another state of the key. */
  get digest(): string {
    return (this.#digest ??= this.item === undefined ? ABSENT : digestOf(this.item));
  }
}

export function sameItem(a: ConfigItem | undefined, b: ConfigItem | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.value === b.value && a.version === b.version && sameTexts(a.metadata, b.metadata);
}

/** An object of items, in the order of their keys. */
export function itemsJson(items: readonly KnownItem[]): string {
  if (items.length === 1) return `{${items[0]!.json}}`;
  return `{${items.toSorted((a, b) => compareUtf8(a.key, b.key)).map(({ json }) => json).join(',')}}`;
}

function itemJson(item: ConfigItem | undefined): string {
  if (item === undefined) return '{}';
  const members: string[] = [];
  if (item.value !== '') members.push(`"value":${quote(item.value)}`);
  if (item.version !== '') members.push(`"version":${quote(item.version)}`);
  const names = sortedNames(item.metadata);
  if (names.length > 0) members.push(`"metadata":{${names.map((name) => `${quote(name)}:${quote(item.metadata[name]!)}`).join(',')}}`);
  return `{${members.join(',')}}`;
}

function itemBytes(item: ConfigItem | undefined): Uint8Array {
  if (item === undefined) return encodeFields([]);
  const metadata = Object.entries(item.metadata).map(([name, value]): Field => [3, encodeRepeated(0, [[1, name], [2, value]])]);
  return encodeFields([[1, item.value], [2, item.version], ...metadata]);
}

function digestOf({ value, version, metadata }: ConfigItem): string {
  const names = sortedNames(metadata);
  return hash('sha256', JSON.stringify([value, version, ...names.flatMap((name) => [name, metadata[name]])]), 'base64').slice(0, DIGEST_LENGTH);
}

function sortedNames(metadata: StringMap): string[] {
  return Object.keys(metadata).sort(compareUtf8);
}

function sameTexts(a: StringMap, b: StringMap): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && a[name] === b[name]);
}
