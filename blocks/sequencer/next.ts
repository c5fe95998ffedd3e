// The one operation: the next ids of a key, out of a segment or straight from the store.
import { messageOf } from '../../proto/errors.ts';
import { FAIL } from '../../proto/failures.ts';
import type { CallScope } from '../block.ts';
import type { Awaitable } from '../driver.ts';
import { runOf, type Run } from './ids.ts';
import { isIllegalKey } from './keys.ts';
import { STRONG, WEAK, type NextIdRequest } from './requests.ts';
import type { OpenStore, Stores } from './stores.ts';

const MAX_COUNT = 10_000;
const MAX_KEY_BYTES = 1024;
/** Any text so short is short enough in UTF-8. */
const SHORT_LENGTH = Math.floor(MAX_KEY_BYTES / 3);

/** Rising ids, `count` in all. The store comes first: what else is wrong shows only if there is one. @throws ApiError */
export function nextIds(stores: Stores, request: NextIdRequest, scope: CallScope): Awaitable<readonly Run[]> {
  const store = stores.find(request.store, request.key);
  return store instanceof Promise ? store.then((open) => draw(open, request, scope)) : draw(store, request, scope);
}

function draw(store: OpenStore, request: NextIdRequest, scope: CallScope): Awaitable<readonly Run[]> {
  check(store, request);
  const { key, increment } = request;
  const count = request.count === 0 ? 1 : request.count;
  let runs: Awaitable<readonly Run[]>;
  try {
    runs = increment === STRONG ? strong(store, key, count, scope) : store.segments.draw(key, count, scope);
  } catch (cause) {
    throw failure(store, key, cause);
  }
  return runs instanceof Promise ? runs.catch((cause: unknown) => { throw failure(store, key, cause); }) : runs;
}

function strong({ store, prefix }: OpenStore, key: string, count: number, scope: CallScope): Awaitable<readonly Run[]> {
  const first = store.take(prefix + key, count, scope);
  return first instanceof Promise ? first.then((id) => [runOf(id, count)]) : [runOf(first, count)];
}

function check({ name }: OpenStore, { key, increment, count }: NextIdRequest): void {
  if (isIllegalKey(key)) throw FAIL.sequencerRequest(`input key/keyPrefix '${key}' can't contain '||'`);
  if (key.length > SHORT_LENGTH && Buffer.byteLength(key) > MAX_KEY_BYTES) throw FAIL.sequencerRequest(`Key is longer than ${MAX_KEY_BYTES} bytes in sequencer store ${name}`);
  if (increment !== WEAK && increment !== STRONG) throw FAIL.sequencerRequest(`Increment ${increment} is neither WEAK nor STRONG in sequencer store ${name}`);
  if (count < 0 || count > MAX_COUNT) throw FAIL.sequencerRequest(`Count ${count} is not from 0 to ${MAX_COUNT} in sequencer store ${name}`);
}

function failure(store: OpenStore, key: string, cause: unknown): Error {
  return FAIL.nextId(key, store.name, messageOf(cause)).because(cause);
}
