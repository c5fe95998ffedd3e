// Counting in a block: cheap enough for every call, and asked for by the kernel when somebody scrapes.
import type { MetricsInit } from '../proto/init.ts';
import { MEASURES } from '../proto/measures.ts';
import { CountingMeter } from '../proto/meter.ts';
import type { Logger } from './block.ts';

export { NO_METER, type Counter, type Gauge, type Histogram, type Meter } from '../proto/meter.ts';

export function openMeter({ latencyBuckets }: MetricsInit, log: Logger): CountingMeter {
  return new CountingMeter({
    table: MEASURES, latencyBuckets,
    onFull: (measure) => log.warn({ measure }, `there are more label values than metrics keep apart: the further ones of ${measure} count as "other"`),
  });
}
