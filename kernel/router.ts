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
  readonly route: Route;
  readonly params: readonly string[];
  readonly lastName: string;
  /** Last segments that mean something else. */
  readonly literals: ReadonlyMap<string, Node>;
}

/** Callers choose paths, so what is remembered of them is bounded. */
const MAX_HOT = 256;

export class Router {
  readonly #root = new Node();
  /** By verb, then by the path up to its last slash. */
  readonly #hot = new Map<string, Map<string, Hot>>();

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
    const slash = path.lastIndexOf('/');
    const beginning = path.slice(0, slash);
    const last = path.slice(slash + 1);
    const hot = this.#hot.get(verb)?.get(beginning);
    if (hot !== undefined && !hot.literals.has(last)) return { route: hot.route, params: [...hot.params, unescapeParam(last, hot.lastName)] };
    const segments = path.split('/');
    const found = find(this.#root, segments, 1, verb);
    if (found === undefined) return undefined;
    const { leaf, parent } = found;
    const params = leaf.names.length === 0 ? NONE : readParams(leaf, segments);
    const lastName = leaf.names.at(-1);
    if (lastName !== undefined && lastName !== '' && !leaf.rest && leaf.names.length === segments.length - 1) this.#remember(verb, beginning, { route: leaf.route, params: params.slice(0, -1), lastName, literals: parent.literals });
    return { route: leaf.route, params };
  }

  #remember(verb: string, beginning: string, hot: Hot): void {
    let known = this.#hot.get(verb);
    if (known === undefined || known.size >= MAX_HOT) this.#hot.set(verb, (known = new Map()));
    known.set(beginning, hot);
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
