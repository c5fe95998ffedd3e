// Which row of the route table an HTTP request means. Works on the escaped path, as Go's routers do, and unescapes each
// parameter once (contract: transport rules of the HTTP API).
import type { Route } from '../proto/routes.ts';

export interface Match {
  readonly route: Route;
  /** In the pattern's order, unescaped. */
  readonly params: readonly string[];
}

interface Leaf {
  readonly route: Route;
  readonly names: readonly string[];
  /** True: the last parameter is the rest of the path. */
  readonly rest: boolean;
}

class Node {
  readonly literals = new Map<string, Node>();
  param: Node | undefined;
  /** By verb. */
  readonly leaves = new Map<string, Leaf>();
  readonly rests = new Map<string, Leaf>();
}

/** A parameter whose escapes can't be read: 400, plain text. */
export class BadEscape extends Error {
  override readonly name = 'BadEscape';
}

export class Router {
  readonly #root = new Node();

  /** @param admit whether a pattern of a route is served; `version` is the path's, e.g. `v1.0-alpha1`. */
  constructor(routes: readonly Route[], admit: (route: Route, version: string) => boolean = () => true) {
    for (const route of routes) {
      for (const pattern of route.http) {
        const [verbs = '', path = ''] = pattern.split(' ');
        if (admit(route, path.split('/')[1] ?? '')) this.#add(verbs.split(','), path, route);
      }
    }
  }

  /** @param path cleaned (`cleanPath`) and still escaped. @throws BadEscape */
  match(verb: string, path: string): Match | undefined {
    const segments = path.split('/');
    const leaf = find(this.#root, segments, 1, verb);
    if (leaf === undefined) return undefined;
    return { route: leaf.route, params: leaf.names.length === 0 ? NONE : readParams(leaf, segments) };
  }

  #add(verbs: readonly string[], path: string, route: Route): void {
    let node = this.#root;
    const names: string[] = [];
    let rest = false;
    for (const segment of path.split('/').slice(1)) {
      if (segment.startsWith(':')) {
        names.push(segment);
        node = node.param ??= new Node();
      } else if (segment.startsWith('*')) {
        names.push(segment);
        rest = true;
      } else {
        names.push(''); // keeps names and segments side by side
        const next = node.literals.get(segment) ?? new Node();
        node.literals.set(segment, next);
        node = next;
      }
    }
    for (const verb of verbs) (rest ? node.rests : node.leaves).set(verb, { route, names: names.every((name) => name === '') ? [] : names, rest });
  }
}

const NONE: readonly string[] = Object.freeze([]);

/** Literals win over parameters, but only for the verbs they have. */
function find(node: Node, segments: readonly string[], index: number, verb: string): Leaf | undefined {
  const segment = segments[index];
  if (segment === undefined) return node.leaves.get(verb);
  const literal = node.literals.get(segment);
  const found = literal === undefined ? undefined : find(literal, segments, index + 1, verb);
  if (found !== undefined) return found;
  return (node.param === undefined ? undefined : find(node.param, segments, index + 1, verb)) ?? node.rests.get(verb);
}

function readParams({ names, rest }: Leaf, segments: readonly string[]): string[] {
  const params: string[] = [];
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    if (name === '') continue;
    const text = rest && i === names.length - 1 ? segments.slice(i + 1).join('/') : (segments[i + 1] as string);
    params.push(unescapeParam(text, name.slice(1)));
  }
  return params;
}

/** Go's url.QueryUnescape: `+` is a blank, `%XX` a byte of UTF-8. */
function unescapeParam(text: string, name: string): string {
  const escaped = text.includes('%');
  if (!escaped) return text.includes('+') ? text.replaceAll('+', ' ') : text;
  const bad = /%(?![0-9a-fA-F]{2}).{0,2}/.exec(text);
  if (bad !== null) throw new BadEscape(`failed to unescape request parameter "${name}". Error: invalid URL escape "${bad[0]}"`);
  const blanks = text.replaceAll('+', ' ');
  try {
    return decodeURIComponent(blanks);
  } catch {
    // The bytes are no UTF-8. Go keeps them; a JavaScript string can't, so each becomes U+FFFD.
    return Buffer.from(blanks.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))), 'latin1').toString('utf8');
  }
}

/** Go's path.Clean on the escaped path, and no slash at the end. */
export function cleanPath(path: string): string {
  const last = path.length - 1;
  if (!path.includes('//') && !path.includes('/.') && path.charCodeAt(last) !== 47 && path.charCodeAt(0) === 47) return path;
  const kept: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..') kept.pop();
    else kept.push(segment);
  }
  return `/${kept.join('/')}`;
}
