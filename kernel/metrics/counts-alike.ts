// Whether what was counted under former settings can be added to what is counted from now on.
import type { MetricSettings } from '../configuration.ts';

export function countsAlike(one: MetricSettings, other: MetricSettings): boolean {
  const countedBy = ({ latencyBuckets, rules }: MetricSettings): string => JSON.stringify([latencyBuckets, rules.map(({ name, labels }) => [name, labels.map((label) => [label.name, [...label.regex]])])]);
  return countedBy(one) === countedBy(other);
}
