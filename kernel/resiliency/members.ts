// Members of a manifest that mean nothing: Dapr ignores them, and a policy that is spelt wrong then is another policy. So they
// are worth a warning.
import type { YamlObject } from '../shape.ts';
import { nearest } from '../suggest.ts';

/** A warning's text for each member that is not among those known, whatever its case. @param place of the object: `spec.policies` */
export function strangers(object: YamlObject, place: string, known: readonly string[]): string[] {
  const folded = new Set(known.map((name) => name.toLowerCase()));
  return Object.keys(object).filter((name) => !folded.has(name.toLowerCase())).map((name) => {
    const meant = nearest(name, known);
    return `${place}.${name} means nothing${meant === undefined ? '' : `: perhaps ${meant} was meant`}; known are ${known.join(', ')}`;
  });
}
