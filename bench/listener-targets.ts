// What the listeners are to reach, measured in one run and told as a table: ratios, because absolute figures say more about the
// machine than about the program.
import type { Report } from './load/window.ts';
import { cpuPerCall, rate, ratioOf, type Measured } from './rounds.ts';
import { median } from './statistics.ts';
import type { Row } from './table.ts';

export interface Findings {
  /** By question: `<protocol> <connections> x <calls in flight on each>`. */
  readonly measured: ReadonlyMap<string, Measured>;
  readonly idle: readonly Row[];
  readonly faults: readonly Row[];
}

interface Target {
  readonly what: string;
  readonly question: string;
  readonly value: (report: Report) => number;
  readonly one: string;
  readonly to: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

const p50 = ({ p50Us }: Report): number => p50Us;
const ofTwoGateways = ['gRPC 64 x 1', 'HTTP 64 x 1'].flatMap((question) => (['monolith', 'process'] as const).map((isolation): Target => ({
  what: 'CPU per call, two gateways', question, value: cpuPerCall, one: `own, ${isolation}, 2 gateways`, to: `own, ${isolation}`, atMost: 1.1,
})));

const TARGETS: readonly Target[] = [
  { what: 'calls/s', question: 'gRPC 1 x 64', value: rate, one: 'own, process', to: 'bare grpc-js', atLeast: 4.5 },
  { what: 'calls/s', question: 'gRPC 1 x 64', value: rate, one: 'own, monolith', to: 'bare grpc-js', atLeast: 6 },
  { what: 'latency (p50)', question: 'gRPC 1 x 1', value: p50, one: 'own, monolith', to: 'bare grpc-js', atMost: 1 },
  { what: 'latency (p50)', question: 'gRPC 1 x 1', value: p50, one: 'own, process', to: 'bare grpc-js', atMost: 1.4 },
  { what: 'calls/s', question: 'HTTP 64 x 1', value: rate, one: 'own, monolith', to: 'bare node:http', atLeast: 0.75 },
  { what: 'calls/s', question: 'HTTP 64 x 1', value: rate, one: 'own, process', to: 'own, monolith', atLeast: 0.9 },
  ...ofTwoGateways,
];

/** A row for each target. */
export const judge = ({ measured }: Findings): Row[] => TARGETS.map(({ what, question, value, one, to, atLeast, atMost }) => {
  const found = measured.get(question);
  const ratio = found === undefined ? NaN : ratioOf(found, value, one, to);
  const cpu = found === undefined ? NaN : ratioOf(found, cpuPerCall, one, to);
  const errors = found?.rows.some(({ server, errors }) => (server === one || server === to) && errors !== 0) ?? false;
  const isReached = atLeast === undefined ? ratio <= (atMost ?? NaN) : ratio >= atLeast;
  return {
    what, load: question, server: one, 'beside': to,
    target: atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`,
    ratio: known(ratio),
    'CPU ratio': known(cpu),
    verdict: Number.isNaN(ratio) ? 'not measured' : errors ? 'errors' : isReached ? 'reached' : 'missed',
  };
});

const CONNECTIONS = [1, 8, 64, 256] as const;
/** Less is no gain: rounds differ by as much. */
const PAYS_OFF = 1.05;

/** From which load on do two gateways pay off? */
export const gatewayRows = ({ measured }: Findings): Row[] => (['gRPC', 'HTTP'] as const).flatMap((protocol) => CONNECTIONS.flatMap((connections) => {
  const found = measured.get(`${protocol} ${connections} x 1`);
  const [one, two] = ['own, process', 'own, process, 2 gateways'] as const;
  const [ofOne, ofTwo] = [found?.reports.get(one), found?.reports.get(two)];
  if (found === undefined || ofOne === undefined || ofTwo === undefined) return [];
  const middle = (reports: readonly Report[], value: (report: Report) => number): number => median(reports.map((report) => value(report)));
  const gain = ratioOf(found, rate, two, one);
  return [{
    protocol, connections,
    '1: calls/s': Math.round(middle(ofOne, rate)), '2: calls/s': Math.round(middle(ofTwo, rate)), ratio: gain,
    '1: CPU us': middle(ofOne, cpuPerCall), '2: CPU us': middle(ofTwo, cpuPerCall), 'CPU ratio': ratioOf(found, cpuPerCall, two, one),
    '1: p99 us': middle(ofOne, ({ p99Us }) => p99Us), '2: p99 us': middle(ofTwo, ({ p99Us }) => p99Us),
    'pays off': gain >= PAYS_OFF ? 'yes' : 'no',
  }];
}));

const known = (value: number): number | undefined => (Number.isNaN(value) ? undefined : value);
