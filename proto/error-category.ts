// Which part of the API an error is of, as the metric `error_code_total` tells it (contract: metrics facts).
import type { Failure } from './errors.ts';

/** By the beginning of an error code; the first that fits. `sequencer` is not Dapr's. */
const CATEGORIES: readonly (readonly [prefix: string, category: string])[] = [
  ['ERR_STATE_', 'state'], ['ERR_NOT_SUPPORTED_STATE_', 'state'],
  ['ERR_PUBSUB_', 'pubsub'], ['ERR_TOPIC_', 'pubsub'], ['ERR_PUBLISH_', 'pubsub'],
  ['ERR_CONFIGURATION_', 'configuration'],
  ['ERR_LOCK_', 'lock'], ['ERR_TRY_LOCK', 'lock'], ['ERR_UNLOCK', 'lock'], ['ERR_RENEW_LOCK', 'lock'], ['ERR_TOO_MANY_LOCKS', 'lock'],
  ['ERR_SEQUENCER_', 'sequencer'], ['ERR_NEXT_ID', 'sequencer'],
  ['ERR_HEALTH_', 'health'], ['ERR_OUTBOUND_HEALTH_', 'health'],
  ['ERR_DIRECT_INVOKE', 'service-invocation'],
  ['ERR_SECRET_', 'secret'], ['ERR_PERMISSION_DENIED', 'secret'],
];
/** One code for requests that can't be read, whatever they want; only this reason is a part's own. */
const STATE_KEY = 'DAPR_STATE_ILLEGAL_KEY';

/** Undefined: it has no code of its own, and is not counted. */
export function categoryOf({ code, details }: Pick<Failure, 'code' | 'details'>): string | undefined {
  if (code === '' || code === 'ERROR') return undefined;
  for (const [prefix, category] of CATEGORIES) if (code.startsWith(prefix)) return category;
  const isStateKey = details?.some((detail) => detail.type === 'ErrorInfo' && detail.reason === STATE_KEY) === true;
  return isStateKey ? 'state' : 'common';
}
