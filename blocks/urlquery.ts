// Query strings as Go reads them: pairs that are broken are dropped, and `metadata.x=y` is request metadata.
import { utf8 } from './gojson.ts';

/** Decoded pairs in their order. */
export type QueryParams = readonly (readonly [name: string, value: string])[];

const NONE: QueryParams = [];
/** Shared by all requests that bring none. */
export const NO_METADATA: Readonly<Record<string, string>> = Object.freeze({});
const METADATA = 'metadata.';

/** @param query without the question mark. */
export function queryParams(query: string): QueryParams {
  if (query === '') return NONE;
  const params: [string, string][] = [];
  for (const pair of query.split('&')) {
    if (pair === '' || pair.includes(';')) continue; // Go takes no semicolon for a separator any more, and refuses the pair
    const split = pair.indexOf('=');
    const name = unescape(split < 0 ? pair : pair.slice(0, split));
    const value = unescape(split < 0 ? '' : pair.slice(split + 1));
    if (name !== undefined && value !== undefined) params.push([name, value]);
  }
  return params;
}

/** The first value of that name; `''` when there is none. */
export function firstParam(params: QueryParams, name: string): string {
  for (const [candidate, value] of params) if (candidate === name) return value;
  return '';
}

/** What the `metadata.` parameters say; of several with one name the first counts. */
export function metadataParams(params: QueryParams): Readonly<Record<string, string>> {
  if (params.length === 0) return NO_METADATA;
  const metadata = new Map<string, string>();
  for (const [name, value] of params) {
    if (!name.startsWith(METADATA)) continue;
    const key = name.slice(METADATA.length);
    if (!metadata.has(key)) metadata.set(key, value);
  }
  return metadata.size === 0 ? NO_METADATA : Object.fromEntries(metadata);
}

/** Undefined when an escape is broken. */
function unescape(text: string): string | undefined {
  const spaced = text.replaceAll('+', ' ');
  if (!spaced.includes('%')) return spaced;
  if (/%(?![\da-fA-F]{2})/.test(spaced)) return undefined;
  try {
    return decodeURIComponent(spaced);
  } catch {
    // Escapes that are no UTF-8: Go keeps the bytes, and U+FFFD stands for them wherever they become text.
    return utf8(Buffer.from(spaced.replace(/%([\da-fA-F]{2})|[^%]+/g, (part, hex: string | undefined) => hex ?? Buffer.from(part).toString('hex')), 'hex'));
  }
}
