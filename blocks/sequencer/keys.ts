// How an app's key becomes a stored key: Layotto's layout, so that both can draw from one sequence (contract: Layotto,
// sequencer and lock).
import { InvalidMetadata, type ComponentSpec } from '../driver.ts';

const WORD = 'sequencer|||';
const SEPARATOR = '||';

/**
 * What goes in front of every key of this component.
 * @param given the component's `keyPrefix`: appid, name, none, or any other word, whatever the case of its letters
 * @throws InvalidMetadata when `keyPrefix` holds the separator
 */
export function keyPrefix(given: string, spec: ComponentSpec, appId: string): string {
  if (isIllegalKey(given)) throw new InvalidMetadata(`input key/keyPrefix '${given}' can't contain '${SEPARATOR}'`);
  const strategy = given.toLowerCase();
  switch (strategy) {
    case 'appid': return WORD + prefix(appId);
    case 'name': return WORD + prefix(spec.name);
    case 'none': return WORD;
    default: return WORD + prefix(strategy);
  }
}

/** Such a key could reach into another app's sequences. */
export function isIllegalKey(key: string): boolean {
  return key.includes(SEPARATOR);
}

function prefix(text: string): string {
  return text === '' ? '' : text + SEPARATOR;
}
