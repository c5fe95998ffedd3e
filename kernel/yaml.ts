// YAML texts to plain values, read as daprd reads them: YAML 1.1 words, Go's numbers. A text that can't be read says where
// and why, and never quotes itself: manifests hold secrets.
import type { ScalarTag, SchemaOptions } from 'yaml';
import { messageOf } from '../proto/errors.ts';

/** A value of a YAML document. Whole numbers are bigints, so that `1` and `1.0` stay apart and none loses digits. */
export type Yaml = null | boolean | bigint | number | string | readonly Yaml[] | { readonly [key: string]: Yaml };

/** `line` counts from 1 within the text; 0 when the place is unknown. */
export interface YamlProblem {
  readonly line: number;
  readonly column: number;
  readonly reason: string;
}

export type ParseYaml = (text: string) => { readonly value: Yaml } | { readonly problem: YamlProblem };

/** Aliases may multiply a document by this much. */
const MOST_ALIASES = 100;
const INTEGER = 'tag:yaml.org,2002:int';
const FLOAT = 'tag:yaml.org,2002:float';
/** Tags of YAML 1.1 whose plain words Go's parser leaves texts, or reads its own way: see the tags below. */
const REPLACED: ReadonlySet<string> = new Set([INTEGER, FLOAT, ...['timestamp', 'binary', 'omap', 'pairs', 'set'].map((name) => `tag:yaml.org,2002:${name}`)]);

let loading: Promise<ParseYaml> | undefined;

/** The parser, loaded when the first file is there to be read: it costs 30 ms. */
export function yamlParser(): Promise<ParseYaml> {
  loading ??= import('yaml').then(({ LineCounter, parseDocument }) => (text) => {
    const lines = new LineCounter();
    try {
      const document = parseDocument(text, {
        version: '1.1', customTags, lineCounter: lines, prettyErrors: false, uniqueKeys: false, resolveKnownTags: false, logLevel: 'error',
      });
      const [error] = document.errors;
      if (error === undefined) return { value: document.toJS({ maxAliasCount: MOST_ALIASES }) as Yaml };
      const { line, col } = lines.linePos(error.pos[0]);
      return { problem: { line, column: col, reason: withoutSource(error.message) } };
    } catch (cause) { // aliases without an anchor or too many of them, and nesting deeper than the stack
      return { problem: { line: 0, column: 0, reason: withoutSource(messageOf(cause)) } };
    }
  });
  return loading;
}

const customTags: Extract<SchemaOptions['customTags'], (...args: never) => unknown> = (tags) => {
  const kept = tags.filter((tag) => typeof tag === 'string' || !REPLACED.has(tag.tag));
  return [...kept, integer, float];
};

const integer: ScalarTag = {
  tag: INTEGER,
  default: true,
  test: /^[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)$/,
  resolve: (text) => {
    const digits = text.replaceAll('_', '').replace(/^[-+]/, '').replace(/^0(?=[0-7])/, '0o');
    try {
      const value = BigInt(digits);
      return text.startsWith('-') ? -value : value;
    } catch { // underscores without digits
      return text;
    }
  },
};

const float: ScalarTag = {
  tag: FLOAT,
  default: true,
  test: /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/,
  resolve: (text) => (Number.isFinite(Number(text)) ? Number(text) : text),
};

/** Some of the parser's messages end in `: <the source>`. */
function withoutSource(message: string): string {
  if (message.includes('call stack')) return 'nested too deeply';
  return message.replace(/(?<=[\w)]): .*$/s, '').replace(/\s+/g, ' ');
}

/** A document of a file. */
export interface YamlDocument {
  /** From 1. */
  readonly number: number;
  /** Of the document's first line in the file, from 1. */
  readonly firstLine: number;
  readonly bytes: Uint8Array;
}

/** Splits a file wherever a line after the first starts with `---`; the rest of such a line is dropped. */
export function splitDocuments(file: Buffer): YamlDocument[] {
  const documents: YamlDocument[] = [];
  let firstLine = 1;
  for (let start = 0; start < file.length;) {
    const separator = file.indexOf('\n---', start);
    const end = separator === -1 ? file.length : separator;
    documents.push({ number: documents.length + 1, firstLine, bytes: file.subarray(start, end) });
    if (separator === -1) break;
    const lineEnd = file.indexOf('\n', separator + 1);
    const next = lineEnd === -1 ? file.length : lineEnd + 1;
    firstLine += count(file, start, next);
    start = next;
  }
  return documents;
}

function count(bytes: Uint8Array, start: number, end: number): number {
  let newlines = 0;
  for (let at = start; at < end; at++) if (bytes[at] === 0x0a) newlines++;
  return newlines;
}
