// Metadata fields that every pubsub component may carry and that the block reads, not the driver.
import { elsewhere, integer, readMetadata, type Fields, type Values } from '../metadata.ts';
import type { Logger } from '../block.ts';
import type { ComponentSpec } from '../driver.ts';
import { SCOPE_FIELDS } from './scopes.ts';

/** Failed deliveries, over lives of the block, after which a message counts as poison. */
const DEFAULT_POISON_THRESHOLD = 3;

const BLOCK_FIELDS = {
  ...SCOPE_FIELDS,
  /** 0: no message is ever taken for poison. */
  poisonThreshold: integer({ default: DEFAULT_POISON_THRESHOLD, min: 0, max: 1_000 }),
  deliveryMaxRetries: integer({ min: 0, max: 1_000_000 }),
} as const satisfies Fields;

/** A driver spreads these among its own fields: they are known, and not its business. */
export const COMMON_FIELDS = {
  publishingScopes: elsewhere(),
  subscriptionScopes: elsewhere(),
  allowedTopics: elsewhere(),
  protectedTopics: elsewhere(),
  poisonThreshold: elsewhere(),
  deliveryMaxRetries: elsewhere(),
} as const satisfies Record<keyof typeof BLOCK_FIELDS, unknown>;

const NAMES: ReadonlySet<string> = new Set(Object.keys(BLOCK_FIELDS).map((name) => name.toLowerCase()));

/** @throws InvalidMetadata */
export function readBlockFields(spec: ComponentSpec, log: Logger): Values<typeof BLOCK_FIELDS> {
  // The others are the driver's: it says which of them it doesn't know.
  return readMetadata({ ...spec, metadata: spec.metadata.filter(({ name }) => NAMES.has(name.toLowerCase())) }, BLOCK_FIELDS, log);
}
