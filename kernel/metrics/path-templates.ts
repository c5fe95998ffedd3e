// Templates of paths, as Go's ServeMux matches them (contract: metrics configuration, pathMatching): `{x}` is a segment, `{x...}`
// at the end is the rest, a slash at the end means everything below, `{$}` there only that. What is more literal wins.
import { cleanPath } from '../router.ts';

interface Node {
  readonly literals: Map<string, Node>;
  wildcard: Node | undefined;
  /** The template that ends here. */
  exact: string | undefined;
  /** The template that has everything below. */
  rest: string | undefined;
}

const node = (): Node => ({ literals: new Map(), wildcard: undefined, exact: undefined, rest: undefined });
/** Each template applies to invocations of any application, too. */
const INVOCATION = '/v1.0/invoke/{app_id}/method';
const MOST_TEMPLATES = 1_000;
const LONGEST_TEMPLATE = 1_024;

export class PathTemplates {
  readonly #root = node();
  readonly #refused: string[] = [];
  readonly isEmpty: boolean;

  constructor(templates: readonly string[]) {
    let added = 0;
    const wanted = templates.map(normalized);
    for (const [index, template] of wanted.entries()) {
      if (added >= MOST_TEMPLATES || template === undefined || !this.#add(template)) this.#refused.push(templates[index] as string);
      else added++;
    }
    for (const template of wanted) if (template !== undefined && added > 0 && !template.startsWith('/v1.0/invoke/')) this.#add(INVOCATION + template);
    this.isEmpty = added === 0;
  }

  /** Templates that are none, or too many. */
  get refused(): readonly string[] {
    return this.#refused;
  }

  /** The template that a path fits best, or undefined. @param path cleaned */
  match(path: string): string | undefined {
    return find(this.#root, path.split('/'), 1);
  }

  #add(template: string): boolean {
    const segments = template.split('/').slice(1);
    let at = this.#root;
    for (const [index, segment] of segments.entries()) {
      const isLast = index === segments.length - 1;
      if (isLast && segment === '') {
        at.rest ??= template;
        return true;
      }
      if (isLast && segment === '{$}') {
        at.exact ??= template;
        return true;
      }
      const name = /^\{(\w+)(\.\.\.)?\}$/.exec(segment);
      if (name?.[2] !== undefined) {
        if (!isLast) return false;
        at.rest ??= template;
        return true;
      }
      if (name === null && /[{}]/.test(segment)) return false;
      if (name !== null) at = at.wildcard ??= node();
      else {
        const next = at.literals.get(segment) ?? node();
        at.literals.set(segment, next);
        at = next;
      }
    }
    at.exact ??= template; // of two that mean the same the first one counts
    return true;
  }
}

function find(at: Node, segments: readonly string[], index: number): string | undefined {
  const segment = segments[index];
  if (segment === undefined) return at.exact ?? at.rest;
  if (segment === '' && index === segments.length - 1) return at.exact ?? at.rest; // the path `/`
  const literal = at.literals.get(segment);
  const byLiteral = literal === undefined ? undefined : find(literal, segments, index + 1);
  if (byLiteral !== undefined) return byLiteral;
  return (at.wildcard === undefined ? undefined : find(at.wildcard, segments, index + 1)) ?? at.rest;
}

/** With one slash in front and none doubled; the last one means something and stays. */
function normalized(template: string): string | undefined {
  if (template === '' || template.length > LONGEST_TEMPLATE || /\s/.test(template)) return undefined;
  const clean = cleanPath(template.startsWith('/') ? template : `/${template}`);
  return template.endsWith('/') && clean !== '/' ? `${clean}/` : clean;
}
