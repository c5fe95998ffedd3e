// Configuration from a text: a YAML or JSON mapping of keys to values. What can't be read says where and why, and never
// quotes the text: it may hold secrets.
import type { Document, Node, Scalar, YAMLMap } from 'yaml';
import { messageOf } from '../../proto/errors.ts';
import type { StringMap } from './store.ts';

export interface WrittenItem {
  readonly value: string;
  /** As it is written; undefined: whoever keeps the item counts. */
  readonly version: string | undefined;
  readonly metadata: StringMap;
}
export type WrittenItems = ReadonlyMap<string, WrittenItem>;

/** A text that is no such mapping. The message begins with the line, where that is known. */
export class BrokenText extends Error {
  override readonly name = 'BrokenText';
}

/** @throws BrokenText */
export type ParseItems = (text: string) => WrittenItems;

/** Longest text. Bytes. */
export const MAX_TEXT_BYTES = 1024 * 1024;
/** Each alias is searched in the whole document. */
const MAX_ALIASES = 100;
const MEMBERS: ReadonlySet<string> = new Set(['value', 'version', 'metadata']);

let loading: Promise<ParseItems> | undefined;

/** The parser, loaded when there is something to parse. */
export function itemsParser(): Promise<ParseItems> {
  loading ??= import('yaml').then(({ isAlias, isMap, isScalar, LineCounter, parseDocument }) => (text) => {
    const lines = new LineCounter();
    const document = documentOf(() => parseDocument(text, { schema: 'core', lineCounter: lines, prettyErrors: false, logLevel: 'error', uniqueKeys: false }));
    const lineOf = (offset: number | undefined) => (offset === undefined ? '' : `line ${lines.linePos(offset).line}: `);
    const broken = (node: Node | null | undefined, why: string) => new BrokenText(`${lineOf(node?.range?.[0])}${why}`);
    const [error] = document.errors;
    if (error !== undefined) throw new BrokenText(`${lineOf(error.pos[0])}${withoutSource(error.message)}`);
    let aliases = 0;
    const resolved = (node: unknown): Node | null => {
      if (!isAlias(node)) return node as Node | null;
      if (++aliases > MAX_ALIASES) throw broken(node, `there are more than ${MAX_ALIASES} aliases`);
      const anchored = node.resolve(document);
      if (anchored === undefined) throw broken(node, 'an alias has no anchor before it');
      return resolved(anchored);
    };
    /** The nodes of a mapping by name. The parser would look for names that come twice too, in quadratic time. @param what of which kind the names are */
    const membersOf = (map: YAMLMap, what: string): ReadonlyMap<string, unknown> => {
      const members = new Map<string, unknown>();
      for (const pair of map.items) {
        const key = resolved(pair.key);
        const name = isScalar(key) ? written(key) : '';
        if (name === '') throw broken(key, `a ${what} is not a text that isn't empty`);
        if (members.has(name)) throw broken(key, `the ${what} ${JSON.stringify(name)} is there twice`);
        members.set(name, pair.value);
      }
      return members;
    };
    const isNothing = (node: Node | null) => node === null || (isScalar(node) && node.value === null);
    /** @param what of which the value is */
    const textOf = (node: unknown, what: string): string => {
      const scalar = resolved(node);
      if (isNothing(scalar)) return '';
      if (isScalar(scalar)) return written(scalar);
      throw broken(scalar, `${what} is a ${isMap(scalar) ? 'mapping' : 'list'} and must be a text, a number or a boolean`);
    };
    const itemOf = (node: YAMLMap, key: string): WrittenItem => {
      const name = JSON.stringify(key);
      const members = membersOf(node, `name under key ${name}`);
      const other = [...members.keys()].find((member) => !MEMBERS.has(member));
      if (!members.has('value') || other !== undefined) {
        throw broken(node, `key ${name} holds a mapping${other === undefined ? '' : ` with ${JSON.stringify(other)}`}: mappings are not flattened, and one that stands for an item has "value" and, if wanted, "version" and "metadata"`);
      }
      const metadata: [string, string][] = [];
      const fields = resolved(members.get('metadata') ?? null);
      if (isMap(fields)) {
        for (const [field, value] of membersOf(fields, `name in the metadata of key ${name}`)) metadata.push([field, textOf(value, `the metadata ${JSON.stringify(field)} of key ${name}`)]);
      } else if (!isNothing(fields)) {
        throw broken(fields, `the metadata of key ${name} is not a mapping`);
      }
      return {
        value: textOf(members.get('value'), `the value of key ${name}`),
        version: textOf(members.get('version') ?? null, `the version of key ${name}`) || undefined,
        metadata: Object.fromEntries(metadata),
      };
    };
    const root = resolved(document.contents);
    const items = new Map<string, WrittenItem>();
    if (isNothing(root)) return items;
    if (!isMap(root)) throw broken(root, 'the text is not a mapping of keys to values');
    for (const [key, node] of membersOf(root, 'key')) {
      const value = resolved(node);
      items.set(key, isMap(value) ? itemOf(value, key) : { value: textOf(value, `the value of key ${JSON.stringify(key)}`), version: undefined, metadata: {} });
    }
    return items;
  });
  return loading;
}

function documentOf(parse: () => Document.Parsed): Document.Parsed {
  try {
    return parse();
  } catch (cause) {
    throw new BrokenText(withoutSource(messageOf(cause)), { cause });
  }
}

/** Numbers and booleans as they are written, so that none loses a digit or a zero. */
function written({ value, source }: Scalar): string {
  return typeof value === 'string' ? value : (source ?? String(value));
}

/** Some of the parser's messages end in `: <the source>`. */
function withoutSource(message: string): string {
  if (message.includes('call stack')) return 'it is nested too deeply';
  return message.replace(/: .*$/s, '').replace(/\s+/g, ' ');
}
