// Metadata fields that every state component may carry and that the block or the runtime reads, not the driver.
import { elsewhere, noEffect, unsupported } from '../metadata.ts';

const OUTBOX = 'the transactional outbox is not implemented, so state transactions would publish nothing; remove the field';

export const STATE_FIELDS = {
  keyPrefix: elsewhere(),
  primaryEncryptionKey: elsewhere(),
  secondaryEncryptionKey: elsewhere(),
  actorStateStore: elsewhere(),
  outboxPublishPubsub: unsupported(OUTBOX),
  outboxPublishTopic: unsupported(OUTBOX),
  outboxPubsub: unsupported(OUTBOX),
  outboxDiscardWhenMissingState: unsupported(OUTBOX, { switch: true }),
  queryIndexes: noEffect('the query API is not offered, so no index is created', { level: 'warn' }),
} as const;
