// Which path a request is counted under (contract: metrics configuration and default path label).
import type { MetricSettings } from '../configuration.ts';
import { PathTemplates } from './path-templates.ts';

export class PathLabels {
  readonly #templates: PathTemplates;
  readonly #shown: boolean;

  constructor({ pathMatching, increasedCardinality }: MetricSettings['http']) {
    this.#templates = new PathTemplates(pathMatching);
    this.#shown = increasedCardinality;
  }

  /** Templates that can't be used. */
  get refused(): readonly string[] {
    return this.#templates.refused;
  }

  /** Of a request to the API. @param path cleaned @param beginning all but its last segment, where that is at hand */
  server(path: string, beginning?: string): string {
    if (this.#templates.isEmpty) return this.#shown ? defaultLabel(path, beginning) : '';
    return this.#templates.match(path) ?? (this.#shown ? path : '');
  }

  /** Of a call to the application; it is shown whatever the Configuration says. @param target with its query */
  client(target: string): string {
    const end = target.search(/[?#]/);
    const path = end < 0 ? target : target.slice(0, end);
    return defaultLabel(path.startsWith('/') ? path : `/${path}`);
  }
}

/**
 * The path without what tells one key or actor from another.
 * @param beginning all but the last segment: returned where the label is that, because a text that was looked up before is found sooner than a new one
 */
export function defaultLabel(path: string, beginning?: string): string {
  const second = path.indexOf('/', 1) + 1;
  if (second === 0) return path;
  if (path.startsWith('state/', second) || path.startsWith('secrets/', second)) {
    const third = path.indexOf('/', path.indexOf('/', second) + 1);
    if (third < 0) return path;
    return third === beginning?.length ? beginning : path.slice(0, third);
  }
  return path.startsWith('actors/', second) || path.startsWith('/actors/') ? actorLabel(path) : path;
}

function actorLabel(path: string): string {
  const [first = '', ...segments] = path.slice(1).split('/');
  // `/actors/<type>/<id>/...` is what an application that hosts actors is called by.
  if (first === 'actors') return segments.length < 2 ? path : `/actors/${segments[0]}/{id}${segments.slice(2).map((segment) => `/${segment}`).join('')}`;
  return segments.length < 4 ? path : `/${first}/actors/${segments[1]}/{id}/${segments[3]}`;
}
