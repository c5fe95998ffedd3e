// Reading: from memory where the hub knows, else from the store itself.
import { messageOf } from '../../proto/errors.ts';
import { FAIL } from '../../proto/failures.ts';
import type { CallScope } from '../block.ts';
import type { Awaitable } from '../driver.ts';
import { NO_METADATA } from '../urlquery.ts';
import { KnownItem } from './known-item.ts';
import { keysOf, type GetAnswer, type GetRequest } from './requests.ts';
import type { Items } from './store.ts';
import type { OpenStore } from './stores.ts';

export function get({ name, driver, hub }: OpenStore, request: GetRequest, scope: CallScope): Awaitable<GetAnswer> {
  const keys = keysOf(request);
  const { metadata } = request;
  const known = metadata === NO_METADATA ? hub.read(keys) : undefined; // what metadata asks for the store alone knows
  if (known !== undefined) return known;
  const failure = (cause: unknown): Error => FAIL.configurationGet(request.keys, name, messageOf(cause)).because(cause);
  let found: Awaitable<Items>;
  try {
    found = driver.get(keys, metadata, scope);
  } catch (cause) {
    throw failure(cause);
  }
  return found instanceof Promise ? found.then(answerOf, (cause: unknown) => { throw failure(cause); }) : answerOf(found);
}

function answerOf(found: Items): GetAnswer {
  const items: KnownItem[] = [];
  for (const [key, item] of found) items.push(new KnownItem(key, item));
  return { items, hit: false };
}
