// How an app's resource becomes a stored key: the prefix that keeps apps, stores or teams apart (contract: lock API).
import { InvalidMetadata, type ComponentSpec } from '../driver.ts';

const SEPARATOR = '||';
const ROOT = `lock${SEPARATOR}`;

/**
 * What goes in front of every resource of this component, separator included. Unlike in state stores `namespace` is a text
 * like any other.
 * @throws InvalidMetadata when `keyPrefix` holds the separator
 */
export function keyPrefix(spec: ComponentSpec, appId: string): string {
  const given = spec.metadata.find(({ name }) => name.toLowerCase() === 'keyprefix')?.value ?? '';
  if (isIllegal(given)) throw new InvalidMetadata(illegalText(given));
  const strategy = given.toLowerCase();
  switch (strategy) {
    case '':
    case 'appid': return ROOT + part(appId);
    case 'name': return ROOT + part(spec.name);
    case 'none': return ROOT;
    default: return ROOT + part(strategy);
  }
}

/** Such a resource could reach into another app's locks. */
export function isIllegal(resource: string): boolean {
  return resource.includes(SEPARATOR);
}

export function illegalText(text: string): string {
  return `input key/keyPrefix '${text}' can't contain '${SEPARATOR}'`;
}

function part(text: string): string {
  return text === '' ? '' : text + SEPARATOR;
}
