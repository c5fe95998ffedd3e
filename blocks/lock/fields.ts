// Metadata fields that every lock component may carry and that the block reads, not the driver.
import { elsewhere } from '../metadata.ts';

export const COMMON_FIELDS = { keyPrefix: elsewhere() } as const;
