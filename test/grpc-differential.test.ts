// The own gRPC listener against grpc-js, answer by answer: random calls of a gRPC client, and requests that no such client sends.
// Both must say the same to the letter, but for what is listed here and in harness/raw-grpc-cases.ts, each with its reason.
// CAMPAIGN=nightly runs many more calls; CAMPAIGN_SEED repeats a run.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { within } from './harness/awaiting.ts';
import { callSpecs, readingSpecs, SPEC_COMPONENTS } from './harness/grpc-call-specs.ts';
import { SpecClient, type CallSpec, type Seen } from './harness/grpc-calls.ts';
import { GET_STATE, MAX_BODY, RAW_CASES, RAW_TOKEN_CASES, type RawCase } from './harness/raw-grpc-cases.ts';
import { RawClient, type RawAnswer } from './harness/raw-grpc.ts';
import { LISTENERS, startSidecar, type Sidecar } from './harness/sidecar.ts';

const NIGHTLY = process.env['CAMPAIGN'] === 'nightly';
const RUNS = { numRuns: NIGHTLY ? 2_000 : 40, seed: Number(process.env['CAMPAIGN_SEED'] ?? Math.floor(Math.random() * 2 ** 31)) };
const DENIED = JSON.stringify({ apiVersion: 'dapr.io/v1alpha1', kind: 'Configuration', metadata: { name: 'c' }, spec: { api: { denied: [{ name: 'unlock', version: 'v1alpha1', protocol: 'grpc' }] } } });

/** Texts that say the same of the same in other words. */
const REWORDED: readonly (readonly [because: string, pattern: RegExp, text: string])[] = [
  ['the client or the server may be first to see that a deadline has passed, and each names it otherwise', /^(?:Deadline exceeded|context deadline exceeded).*$/s, 'deadline exceeded'],
  ['the reference counts the prefix to what it did not send', /^Sent message larger than max \(\d+ vs\. (\d+)\)$/, 'Sent message larger than max ($1)'],
];
const reworded = (text: string): string => REWORDED.reduce((words, [, pattern, plain]) => words.replace(pattern, plain), text);

/** Two equal sidecars, one with each listener. */
class Pair implements AsyncDisposable {
  readonly sidecars: readonly Sidecar[];
  readonly clients: readonly SpecClient[];
  readonly raw: readonly RawClient[];

  constructor(sidecars: readonly Sidecar[]) {
    this.sidecars = sidecars;
    this.clients = sidecars.map(({ grpcAddress }) => new SpecClient(grpcAddress));
    this.raw = sidecars.map(({ grpcPort }) => new RawClient(grpcPort));
  }

  static async start(env: Readonly<Record<string, string>> = {}): Promise<Pair> {
    return new Pair(await Promise.all(LISTENERS.map((listener) => startSidecar({
      isolation: 'monolith', listener, components: SPEC_COMPONENTS, configuration: DENIED, env, flags: [`--max-body-size=${MAX_BODY}`, '--dapr-http-read-buffer-size=64'],
    }))));
  }

  /** What each says to one call. */
  run(spec: CallSpec): Promise<Seen[]> {
    return Promise.all(this.clients.map(async (client) => {
      const seen = await client.run(spec);
      return { ...seen, text: reworded(seen.text) };
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of [...this.clients, ...this.raw]) client[Symbol.dispose]();
    await Promise.all(this.sidecars.map((sidecar) => sidecar.stop()));
  }
}

let open: Pair;
let guarded: Pair;
beforeAll(async () => {
  [open, guarded] = await Promise.all([Pair.start(), Pair.start({ DAPR_API_TOKEN: 'right' })]);
});
afterAll(async () => {
  await open?.[Symbol.asyncDispose]();
  await guarded?.[Symbol.asyncDispose]();
});

describe('any sequence of calls is answered by both listeners alike', () => {
  it('one after the other', async () => {
    await fc.assert(fc.asyncProperty(fc.array(callSpecs(MAX_BODY), { minLength: 1, maxLength: 12 }), async (specs) => {
      for (const spec of specs) {
        const [own, reference] = await open.run(spec);
        expect(own).toEqual(reference);
      }
    }), RUNS);
  }, NIGHTLY ? 3_600_000 : 60_000);

  it('many at once', async () => {
    await fc.assert(fc.asyncProperty(fc.array(readingSpecs, { minLength: 50, maxLength: 100 }), async (specs) => {
      const answers = await Promise.all(specs.map((spec) => open.run(spec)));
      expect(answers.map(([own]) => own)).toEqual(answers.map(([, reference]) => reference));
    }), { ...RUNS, numRuns: Math.ceil(RUNS.numRuns / 10) });
  }, NIGHTLY ? 3_600_000 : 60_000);

  it('with the token, a wrong one, two, or none', async () => {
    const token = fc.constantFrom([], ['right'], ['wrong'], [''], ['right', 'wrong']);
    await fc.assert(fc.asyncProperty(fc.array(fc.tuple(callSpecs(MAX_BODY), token), { minLength: 1, maxLength: 8 }), async (calls) => {
      for (const [spec, tokens] of calls) {
        const [own, reference] = await guarded.run({ ...spec, metadata: [...(spec.metadata ?? []), ...tokens.map((value) => ['dapr-api-token', value] as const)] });
        // The reference tells reflection's clients no details of a refusal.
        if (spec.path.startsWith('/grpc.reflection.')) expect({ ...own, trailers: {} }).toEqual({ ...reference, trailers: {} });
        else expect(own).toEqual(reference);
      }
    }), { ...RUNS, numRuns: Math.ceil(RUNS.numRuns / 3) });
  }, NIGHTLY ? 3_600_000 : 60_000);
});

/** What is compared of an answer: `grpc-message` as it decodes, and nothing that a client does not act on. */
function comparable({ headers, messages, trailers, reset }: RawAnswer): object {
  const told = ({ date: _date, 'content-type': type, 'grpc-accept-encoding': _accepted, 'grpc-encoding': _encoding, 'grpc-message': message, ...rest }: Readonly<Record<string, string>>): object => ({
    ...rest, ...(type === undefined ? {} : { isGrpc: type.startsWith('application/grpc') }), ...(message === undefined || rest['grpc-status'] === '0' ? {} : { message: reworded(decodeURIComponent(message)) }),
  });
  const readable = messages.map((text) => text.replaceAll(/(?:3[0-9]|6[1-6]){8}2d(?:(?:3[0-9]|6[1-6]){4}2d){3}(?:3[0-9]|6[1-6]){12}/g, 'chance'));
  return { headers: headers && told(headers), messages: readable, trailers: trailers && told(trailers), reset };
}

async function compare(pair: Pair, { differs, path = GET_STATE, ...request }: RawCase): Promise<void> {
  const [own, reference] = (await Promise.all(pair.raw.map((raw) => within(10_000, 'the stream ends', raw.call({ path, ...request }))))) as [RawAnswer, RawAnswer];
  if (differs === undefined) return expect(comparable(own)).toEqual(comparable(reference));
  const [status, code] = differs.own;
  expect([own.headers?.[':status'], (own.trailers ?? own.headers)?.['grpc-status']]).toEqual([status, code]);
  if (differs.sometimes !== true) expect(comparable(own), `the list says that they differ because ${differs.because}`).not.toEqual(comparable(reference));
}

describe('a request that no gRPC client sends is answered by both listeners alike, or as the list says', () => {
  it.each(RAW_CASES)('$name', (each) => compare(open, each));
  it.each(RAW_TOKEN_CASES)('where there is a token: $name', (each) => compare(guarded, each));
});
