// How an app's key becomes a stored key: the prefix that keeps apps, stores or namespaces apart (contract: state
// semantics, key prefixing).
import { InvalidMetadata, type ComponentSpec } from '../driver.ts';

const SEPARATOR = '||';

/** Whose data it is; both names come from the block's init. */
export interface Owner {
  readonly appId: string;
  readonly namespace: string;
}

/**
 * What goes in front of every key of this component, separator included; `''` for keys as they are.
 * @throws InvalidMetadata when `keyPrefix` holds the separator.
 */
export function keyPrefix(spec: ComponentSpec, { appId, namespace }: Owner): string {
  const given = spec.metadata.find(({ name }) => name.toLowerCase() === 'keyprefix')?.value ?? '';
  if (isIllegalKey(given)) throw new InvalidMetadata(`input key/keyPrefix '${given}' can't contain '${SEPARATOR}'`);
  const strategy = given.toLowerCase();
  switch (strategy) {
    case '':
    case 'appid': return prefix(appId);
    case 'namespace': return prefix(namespace === '' || appId === '' ? appId : `${namespace}.${appId}`);
    case 'name': return prefix(spec.name);
    case 'none': return '';
    default: return prefix(strategy);
  }
}

/** Such a key could reach into another app's data. */
export function isIllegalKey(key: string): boolean {
  return key.includes(SEPARATOR);
}

/** The app's key in a stored key: the second part. A key without parts is the app's key itself. */
export function originalKey(stored: string): string {
  return stored.split(SEPARATOR, 3)[1] ?? stored;
}

function prefix(text: string): string {
  return text === '' ? '' : text + SEPARATOR;
}
