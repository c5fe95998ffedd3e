// Which row of the route table an HTTP request means. Works on the escaped path, as Go's routers do, and unescapes each
// parameter once (contract: transport rules of the HTTP API).
import type { Route } from '../proto/routes.ts';

export interface Match {
  readonly route: Route;
  /** In the pattern's order, unescaped. */
  readonly params: readonly string[];
  /** The path without its last segment, where many paths that were matched begin so: the same string each time. */
  readonly beginning?: string;
}

interface Leaf {
  readonly route: Route;
  /** Of all segments, side by side with them: `''` for a literal. */
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

/** What a path up to its last slash means when a parameter follows: most calls differ in their key alone. */
interface Hot {
  readonly verb: string;
  readonly beginning: string;
  /** The beginning with its slash. */
  readonly prefix: string;
  readonly route: Route;
  readonly params: readonly string[];
  readonly lastName: string;
  /** Last segments that mean something else. */
  readonly literals: ReadonlyMap<string, Node>;
}

/** Callers choose paths, so what is remembered of them is bounded. */
const MAX_HOT = 256;
/** Beginnings that a target is compared with before it is taken apart. */
const MAX_LATEST = 4;
/** Characters of a last segment that mean themselves, wherever they stand; a dot, not in the first place. */
const PLAIN = new Uint8Array(128);
for (const character of "-._~!$&'()*,;=:@|ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") PLAIN[character.charCodeAt(0)] = 1;
const DOT = 46;

export class Router {
  readonly #root = new Node();
  /** By verb, then by the path up to its last slash. */
  readonly #hot = new Map<string, Map<string, Hot>>();
  /** Of those, the ones that were found last; the next one takes the place of the oldest. */
  readonly #latest: Hot[] = [];
  #oldest = 0;

  /** @param admit whether a pattern of a route is served; `version` is the path's, e.g. `v1.0-alpha1`. */
  constructor(routes: readonly Route[], admit: (route: Route, version: string) => boolean = () => true) {
    for (const route of routes) {
      for (const pattern of route.http) {
        const [verbs = '', path = ''] = pattern.split(' ');
        if (admit(route, path.split('/')[1] ?? '')) this.#add(verbs.split(','), path, route);
      }
    }
  }

  /**
   * The same as `match` of the cleaned path, for a request target that begins like one of the latest and ends in a name without
   * anything to clean, cut off or unescape; undefined for every other one. Such a target is its own path.
   */
  matchPlain(verb: string, target: string): Match | undefined {
    for (let i = 0; i < this.#latest.length; i++) {
      const hot = this.#latest[i] as Hot;
      if (hot.verb !== verb || !target.startsWith(hot.prefix)) continue;
      if (!isPlain(target, hot.prefix.length)) return undefined;
      const last = target.slice(hot.prefix.length);
      if (hot.literals.size > 0 && hot.literals.has(last)) return undefined;
      const { route, params, beginning } = hot;
      return { route, params: params.length === 1 ? [params[0] as string, last] : [...params, last], beginning };
    }
    return undefined;
  }

  /** @param path cleaned (`cleanPath`) and still escaped. @throws BadEscape */
  match(verb: string, path: string): Match | undefined {
    const slash = path.lastIndexOf('/');
    const beginning = path.slice(0, slash);
    const last = path.slice(slash + 1);
    const hot = this.#hot.get(verb)?.get(beginning);
    if (hot !== undefined && !hot.literals.has(last)) {
      const params = [...hot.params, unescapeParam(last, hot.lastName)];
      this.#useAgain(hot);
      return { route: hot.route, params, beginning: hot.beginning };
    }
    const segments = path.split('/');
    const found = find(this.#root, segments, 1, verb);
    if (found === undefined) return undefined;
    const { leaf, parent } = found;
    const params = leaf.names.length === 0 ? NONE : readParams(leaf, segments);
    const lastName = leaf.names.at(-1);
    if (lastName !== undefined && lastName !== '' && !leaf.rest && leaf.names.length === segments.length - 1) this.#remember({ verb, beginning, prefix: `${beginning}/`, route: leaf.route, params: params.slice(0, -1), lastName, literals: parent.literals });
    return { route: leaf.route, params };
  }

  #remember(hot: Hot): void {
    let known = this.#hot.get(hot.verb);
    if (known === undefined || known.size >= MAX_HOT) this.#hot.set(hot.verb, (known = new Map()));
    known.set(hot.beginning, hot);
  }

  #useAgain(hot: Hot): void {
    if (this.#latest.includes(hot)) return;
    this.#latest[this.#oldest] = hot;
    this.#oldest = (this.#oldest + 1) % MAX_LATEST;
  }

  #add(verbs: readonly string[], path: string, route: Route): void {
    let node = this.#root;
    const names: string[] = [];
    /** Where a path may end before a parameter that may be absent. */
    const early: Node[] = [];
    let rest = false;
    for (const pattern of path.split('/').slice(1)) {
      const segment = pattern.endsWith('?') ? pattern.slice(0, -1) : pattern;
      if (segment !== pattern) early.push(node);
      if (segment.startsWith(':')) {
        names.push(segment.slice(1));
        node = node.param ??= new Node();
      } else if (segment.startsWith('*')) {
        names.push(segment.slice(1));
        rest = true;
      } else {
        names.push('');
        const next = node.literals.get(segment) ?? new Node();
        node.literals.set(segment, next);
        node = next;
      }
    }
    const leaf: Leaf = { route, names: names.every((name) => name === '') ? [] : names, rest };
    for (const verb of verbs) {
      (rest ? node.rests : node.leaves).set(verb, leaf);
      for (const end of early) end.leaves.set(verb, leaf);
    }
  }
}

const NONE: readonly string[] = Object.freeze([]);

interface Found {
  readonly leaf: Leaf;
  /** The node that the last segment was looked up in. */
  readonly parent: Node;
}

/** Literals win over parameters, but only for the verbs they have. */
function find(node: Node, segments: readonly string[], index: number, verb: string, parent = node): Found | undefined {
  const segment = segments[index];
  if (segment === undefined) return found(node.leaves.get(verb), parent);
  const literal = node.literals.get(segment);
  const byLiteral = literal === undefined ? undefined : find(literal, segments, index + 1, verb, node);
  if (byLiteral !== undefined) return byLiteral;
  return (node.param === undefined ? undefined : find(node.param, segments, index + 1, verb, node)) ?? found(node.rests.get(verb), node);
}

function found(leaf: Leaf | undefined, parent: Node): Found | undefined {
  return leaf === undefined ? undefined : { leaf, parent };
}

function readParams({ names, rest }: Leaf, segments: readonly string[]): string[] {
  const params: string[] = [];
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    if (name === '') continue;
    const text = rest && i === names.length - 1 ? segments.slice(i + 1).join('/') : (segments[i + 1] ?? '');
    params.push(unescapeParam(text, name));
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

/** Whether a target's last segment, from there on, is a name of plain characters. */
function isPlain(target: string, from: number): boolean {
  if (from >= target.length || target.charCodeAt(from) === DOT) return false;
  for (let i = from; i < target.length; i++) if (PLAIN[target.charCodeAt(i)] !== 1) return false;
  return true;
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
