// Metrics as text, the way Prometheus reads it: the one home of prom-client. In pieces, so that no exposition, however large,
// holds up the kernel for longer than a piece takes.
import { setImmediate as turn } from 'node:timers/promises';
import type { Metric } from 'prom-client';
import Registry from 'prom-client/lib/registry.js';
import type { MeasureKind } from '../../proto/measures.ts';

/** A metric with all its series, as it is shown. */
export interface Shown {
  readonly name: string;
  readonly kind: MeasureKind;
  readonly help: string;
  /** Of a histogram's buckets. */
  readonly bounds: readonly number[];
  readonly samples: readonly Sample[];
}

export interface Sample {
  /** In the order in which they are shown. */
  readonly labels: Readonly<Record<string, string>>;
  /** Of a histogram its sum. */
  readonly value: number;
  /** Of a histogram, by bucket, and one for what is above them all. */
  readonly counts: readonly number[];
}

/** A line of the exposition, as the registry takes it. */
interface Line {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** Lines made in one turn of the event loop. */
const LINES_PER_TURN = 1_000;

const registry = new Registry();

export const CONTENT_TYPE = registry.contentType;

/** The exposition in pieces of some size. */
export async function* exposition(metrics: Iterable<Shown>): AsyncGenerator<string> {
  let text = '';
  let lines = 0;
  for (const metric of metrics) {
    let first = true;
    for (const piece of pieces(metric)) {
      const made = await textOf(metric, piece);
      text += first ? made : made.slice(made.indexOf('\n', made.indexOf('\n') + 1) + 1);
      text += '\n';
      first = false;
      lines += piece.length;
      if (lines < LINES_PER_TURN) continue;
      yield text;
      text = '';
      lines = 0;
      await turn();
    }
  }
  if (text !== '') yield text;
}

/** With its head, which tells help and type, each time. */
async function textOf({ name, help, kind }: Shown, lines: readonly Line[]): Promise<string> {
  registry.registerMetric({ name, get: async () => ({ name, help, type: kind, values: lines, aggregator: 'sum' }) } as unknown as Metric);
  const text = await registry.getSingleMetricAsString(name);
  registry.removeSingleMetric(name);
  return text;
}

function* pieces({ name, kind, bounds, samples }: Shown): Generator<readonly Line[]> {
  let lines: Line[] = [];
  for (const sample of samples) {
    if (kind === 'histogram') histogramLines(lines, name, bounds, sample);
    else lines.push({ metricName: name, labels: sample.labels, value: sample.value });
    if (lines.length < LINES_PER_TURN) continue;
    yield lines;
    lines = [];
  }
  if (lines.length > 0) yield lines;
}

function histogramLines(lines: Line[], name: string, bounds: readonly number[], { labels, value, counts }: Sample): void {
  const metricName = `${name}_bucket`;
  let sum = 0;
  for (let i = 0; i <= bounds.length; i++) {
    sum += counts[i] ?? 0;
    lines.push({ metricName, labels: { ...labels, le: bounds[i] ?? '+Inf' }, value: sum });
  }
  lines.push({ metricName: `${name}_sum`, labels, value }, { metricName: `${name}_count`, labels, value: sum });
}
