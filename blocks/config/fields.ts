// Metadata fields that every configuration component may carry and that the block reads, not the driver.
import type { Logger } from '../block.ts';
import type { ComponentSpec } from '../driver.ts';
import { elsewhere, flag, integer, readMetadata, type Fields, type Values } from '../metadata.ts';

const BLOCK_FIELDS = {
  /** Answer reads from memory where the watch says that nothing has changed. */
  cache: flag({ default: true }),
  /** Keys that are watched for the sake of reads alone. */
  cacheMaxKeys: integer({ default: 1_000, min: 1, max: 1_000_000 }),
} as const satisfies Fields;

export type BlockFields = Values<typeof BLOCK_FIELDS>;

/** A driver spreads these among its own fields: they are known, and not its business. */
export const COMMON_FIELDS = {
  cache: elsewhere(),
  cacheMaxKeys: elsewhere(),
} as const satisfies Record<keyof typeof BLOCK_FIELDS, unknown>;

const NAMES: ReadonlySet<string> = new Set(Object.keys(BLOCK_FIELDS).map((name) => name.toLowerCase()));

/** @throws InvalidMetadata */
export function readBlockFields(spec: ComponentSpec, log: Logger): BlockFields {
  // The others are the driver's: it says which of them it doesn't know.
  return readMetadata({ ...spec, metadata: spec.metadata.filter(({ name }) => NAMES.has(name.toLowerCase())) }, BLOCK_FIELDS, log);
}
