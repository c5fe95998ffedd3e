// Prometheus' text format, read as strictly as it is specified: what a scraper might forgive is an error here.
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/gy;
const SUFFIXES: Readonly<Record<string, readonly string[]>> = { histogram: ['_bucket', '_sum', '_count'], counter: [''], gauge: [''] };

export class Exposition {
  readonly families: ReadonlyMap<string, Family>;
  readonly #values = new Map<string, number>();

  /** @throws Error naming the line that is none */
  constructor(text: string) {
    const families = new Map<string, Family & { readonly samples: Sample[] }>();
    let open: (Family & { readonly samples: Sample[] }) | undefined;
    let help: readonly [name: string, text: string] | undefined;
    if (!text.endsWith('\n')) throw new Error('the last line is not ended');
    for (const line of text.slice(0, -1).split('\n')) {
      const fail = (why: string): never => {
        throw new Error(`${why}: ${line}`);
      };
      const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
      if (keyword === 'HELP') {
        help = [name, rest];
      } else if (keyword === 'TYPE') {
        if (families.has(name)) fail('a second TYPE of one metric');
        if (help?.[0] !== name) fail('TYPE without its HELP before it');
        if (SUFFIXES[rest] === undefined) fail('an unknown type');
        if (!NAME.test(name)) fail('a name that is none');
        open = { name, type: rest, help: help?.[1] ?? '', samples: [] };
        families.set(name, open);
      } else {
        const sample = readSample(line) ?? fail('no sample');
        if (open === undefined || !(SUFFIXES[open.type] ?? []).some((suffix) => sample.name === (open as Family).name + suffix)) fail('a sample outside of its metric');
        const key = keyOf(sample.name, sample.labels);
        if (this.#values.has(key)) fail('a series that was there before');
        this.#values.set(key, sample.value);
        (open as { readonly samples: Sample[] }).samples.push(sample);
      }
    }
    for (const family of families.values()) {
      if (family.samples.length === 0) throw new Error(`${family.name} has no series`);
      if (family.type === 'histogram') checkHistogram(family);
      if (family.type === 'counter' && family.samples.some(({ value }) => !(value >= 0))) throw new Error(`${family.name} counts less than nothing`);
    }
    this.families = families;
  }

  /** Undefined: there is no such series. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    return this.#values.get(keyOf(name, labels));
  }

  /** Of all series of a metric that have these labels, whatever else they have. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const samples = this.families.get(name)?.samples ?? [];
    return samples.filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value)).reduce((sum, { value }) => sum + value, 0);
  }

  /** All counters, and the counts of histograms: by series, what must never go back. */
  counters(): ReadonlyMap<string, number> {
    const monotonic = [...this.families.values()].flatMap(({ type, samples }) => (type === 'gauge' ? [] : samples));
    return new Map(monotonic.map(({ name, labels, value }) => [keyOf(name, labels), value]));
  }
}

function readSample(line: string): Sample | undefined {
  const [, name, labels, text] = /^([^{ ]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  if (name === undefined || text === undefined || !NAME.test(name)) return undefined;
  const value = text === '+Inf' ? Infinity : Number(text);
  if (Number.isNaN(value)) return undefined;
  const read: Record<string, string> = {};
  let at = 0;
  for (const [whole, label = '', escaped = ''] of (labels ?? '').matchAll(LABEL)) {
    if (Object.hasOwn(read, label)) return undefined;
    read[label] = escaped.replaceAll(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character));
    at += whole.length;
  }
  if (at !== (labels ?? '').length) return undefined;
  const names = Object.keys(read).filter((label) => label !== 'le');
  return names.join(' ') === names.toSorted().join(' ') ? { name, labels: read, value } : undefined;
}

/** Buckets grow, end with +Inf, and that one is the count. */
function checkHistogram({ name, samples }: Family): void {
  const series = new Map<string, { readonly buckets: [number, number][]; count: number | undefined; sum: number | undefined }>();
  for (const { name: sampled, labels: { le, ...labels }, value } of samples) {
    const key = keyOf(name, labels);
    const one = series.get(key) ?? { buckets: [], count: undefined, sum: undefined };
    series.set(key, one);
    if (sampled.endsWith('_bucket')) one.buckets.push([le === '+Inf' ? Infinity : Number(le), value]);
    else if (sampled.endsWith('_count')) one.count = value;
    else one.sum = value;
  }
  for (const [key, { buckets, count, sum }] of series) {
    const grows = buckets.every(([bound, value], i) => i === 0 || (bound > buckets[i - 1]![0] && value >= buckets[i - 1]![1]));
    if (!grows || buckets.at(-1)?.[0] !== Infinity || buckets.at(-1)?.[1] !== count || sum === undefined) throw new Error(`${key} is no histogram`);
  }
}

function keyOf(name: string, labels: Readonly<Record<string, string>>): string {
  return `${name}${Object.keys(labels).toSorted().map((label) => `|${label}:${labels[label]}`).join('')}`;
}
