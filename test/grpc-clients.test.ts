// Clients of other languages against this sidecar, as their packages come from their registries: each has an HTTP/2 and a gRPC of its
// own, which agree with ours on the specifications alone.
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { NextIdRequest, NextIdResponse } from '../proto/gen/bulkhead/v1/sequencer.ts';
import { SubscribeConfigurationRequest } from '../proto/gen/dapr/proto/runtime/v1/configuration.ts';
import { GetStateRequest, GetStateResponse, SaveStateRequest } from '../proto/gen/dapr/proto/runtime/v1/state.ts';
import { Status } from '../proto/gen/google/rpc/status.ts';
import { Grpc } from '../proto/errors.ts';
import { eventually, within } from './harness/awaiting.ts';
import { ForeignClient, type ForeignAnswer } from './harness/foreign-client.ts';
import { LISTENERS, startSidecar, type Sidecar } from './harness/sidecar.ts';
import { getState, saveState, stateItem } from './harness/states.ts';
import { foreignClient, type ForeignLanguage } from './servers/grpc-clients.ts';

const DAPR = '/dapr.proto.runtime.v1.Dapr/';
const [GET, SAVE, SUBSCRIBE, NEXT_IDS] = [`${DAPR}GetState`, `${DAPR}SaveState`, `${DAPR}SubscribeConfiguration`, '/bulkhead.v1.Sequencer/NextIds'];
const LANGUAGES = ['go', 'java', 'python'] as const satisfies readonly ForeignLanguage[];
const TOKEN = [['dapr-api-token', 'secret']] as const;
const LARGE = Buffer.alloc(3 * 1024 * 1024, 'three mebibytes ');
const CALLS = 1000;
/** Of a deadline that is to pass, ms. */
const SOON = 300;

interface Codec<M> {
  encode(message: M): { finish(): Uint8Array };
}
const base64 = <M>(codec: Codec<M>, message: M): string => Buffer.from(codec.encode(message).finish()).toString('base64');
const get = (key: string, store = 'memory'): string => base64(GetStateRequest, getState(store, key));
const save = (key: string, value: string | Buffer): string => base64(SaveStateRequest, saveState('memory', stateItem(key, value)));
const subscribe = base64(SubscribeConfigurationRequest, { storeName: 'settings', keys: [], metadata: new Map() });
const idsAnswered = ({ responses }: ForeignAnswer): bigint[] => responses.flatMap((response) => NextIdResponse.decode(Buffer.from(response, 'base64')).ids);
const valueOf = ({ responses }: ForeignAnswer): string => Buffer.from(GetStateResponse.decode(Buffer.from(responses[0] as string, 'base64')).data).toString();

let sidecar: Sidecar;
const clients = new Map<ForeignLanguage, ForeignClient>();
beforeAll(async () => {
  sidecar = await startSidecar({
    isolation: 'thread', listener: LISTENERS[0], env: { DAPR_API_TOKEN: 'secret' },
    components: [{ name: 'memory', type: 'state.in-memory' }, { name: 'settings', type: 'configuration.in-memory' }, { name: 'ids', type: 'sequencer.in-memory' }],
  });
});
afterAll(async () => {
  for (const client of clients.values()) await client[Symbol.asyncDispose]();
  await sidecar?.stop();
});

describe.each(LANGUAGES)('gRPC for %s', (language) => {
  let client: ForeignClient;
  let missing: string | undefined;
  beforeAll(async () => {
    const program = await foreignClient(inject('foreignClients'), language);
    if (program.available) {
      client = new ForeignClient(program, sidecar.grpcAddress);
      clients.set(language, client);
    } else {
      missing = program.reason;
      process.stderr.write(`SKIPPED: gRPC for a client in ${language}: ${missing}\n`);
    }
  }, 620_000);
  beforeEach(({ skip }) => skip(missing !== undefined, missing));
  const key = (of: string): string => `${language}-${of}`;
  const common = { metadata: TOKEN } as const;

  it('calls have requests, answers and metadata', async () => {
    expect(await client.ask({ do: 'unary', path: SAVE, request: save(key('a'), 'a value'), ...common })).toMatchObject({ code: Grpc.OK, responses: [''] });
    const metadata = [...TOKEN, ['x-repeated', '1'], ['x-repeated', '2'], ['x-bytes-bin', 'AP+A'], ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01']] as const;
    expect(valueOf(await client.ask({ do: 'unary', path: GET, request: get(key('a')), metadata }))).toBe('a value');
  });

  it('a failure has its text and its details', async () => {
    const { code, message, trailers } = await client.ask({ do: 'unary', path: GET, request: get('k', 'naïve 100 %'), ...common });
    expect([code, message]).toEqual([Grpc.INVALID_ARGUMENT, 'state store naïve 100 % is not found']);
    const status = Status.decode(Buffer.from(trailers['grpc-status-details-bin']?.[0] as string, 'base64'));
    expect([status.code, status.message, status.details.map(({ typeUrl }) => typeUrl)]).toEqual([code, message, ['type.googleapis.com/google.rpc.ErrorInfo']]);
    expect(await client.ask({ do: 'unary', path: GET, request: get('k') })).toMatchObject({ code: Grpc.UNAUTHENTICATED, message: 'Unauthorized' });
    expect(await client.ask({ do: 'unary', path: '/x.Y/Z', request: '' })).toMatchObject({ code: Grpc.UNIMPLEMENTED });
  });

  it('a deadline that passes ends a call', async () => {
    const began = performance.now();
    expect(await client.ask({ do: 'down', path: SUBSCRIBE, requests: [subscribe], timeoutMs: SOON, ...common })).toMatchObject({ code: Grpc.DEADLINE_EXCEEDED, responses: [expect.any(String)] });
    expect(performance.now() - began).toBeGreaterThan(SOON - 50);
  });

  it('a thousand calls at once are a thousand answers', async () => {
    await client.ask({ do: 'unary', path: SAVE, request: save(key('many'), 'x'.repeat(100)), ...common });
    expect(await client.ask({ do: 'many', path: GET, request: get(key('many')), count: CALLS, ...common })).toMatchObject({ codes: { 0: CALLS }, distinct: 1 });
  });

  it('messages of 3 MiB go both ways', async () => {
    expect(await client.ask({ do: 'unary', path: SAVE, request: save(key('large'), LARGE), ...common })).toMatchObject({ code: Grpc.OK });
    const { body, headers } = await sidecar.client.get(`/v1.0/state/memory/${key('large')}`, Object.fromEntries(TOKEN));
    expect(body.length).toBe(LARGE.length);
    const answer = GetStateResponse.encode({ data: LARGE, etag: headers['etag'] as string, metadata: new Map() }).finish();
    expect((await client.ask({ do: 'unary', path: GET, request: get(key('large')), ...common })).responses).toEqual([`sha256:${createHash('sha256').update(answer).digest('hex')}`]);
  });

  it('requests may be compressed', async () => {
    const value = 'again and '.repeat(10_000);
    expect(await client.ask({ do: 'unary', path: SAVE, request: save(key('zipped'), value), gzip: true, ...common })).toMatchObject({ code: Grpc.OK });
    expect((await sidecar.client.get(`/v1.0/state/memory/${key('zipped')}`, Object.fromEntries(TOKEN))).body).toBe(value);
  });

  it('a stream both ways goes request by request', async () => {
    const requests = [1, 2, 3, 4].map((count) => base64(NextIdRequest, { storeName: 'ids', key: key('ids'), increment: 0, count, metadata: new Map() }));
    const answer = await client.ask({ do: 'bidi', path: NEXT_IDS, requests, ...common });
    expect([answer.code, answer.responses.length, idsAnswered(answer)]).toEqual([Grpc.OK, 4, Array.from({ length: 10 }, (_, index) => BigInt(index + 1))]);
    expect(await client.ask({ do: 'bidi', path: NEXT_IDS, requests: [], ...common })).toMatchObject({ code: Grpc.OK, responses: [] });
    const bad = base64(NextIdRequest, { storeName: 'nowhere', key: 'k', increment: 0, count: 1, metadata: new Map() });
    expect(await client.ask({ do: 'bidi', path: NEXT_IDS, requests: [requests[0] as string, bad], gzip: true, ...common })).toMatchObject({ code: Grpc.INVALID_ARGUMENT, message: 'sequencer store nowhere not found', responses: [expect.any(String)] });
  });

  it('a stream that its client leaves is cancelled', async () => {
    expect(await client.ask({ do: 'down', path: SUBSCRIBE, requests: [subscribe], leaveAfter: 1, ...common })).toMatchObject({ code: Grpc.CANCELLED, responses: [expect.any(String)] });
  });
});

describe('a sidecar that ends while clients call', () => {
  it('fails none of their calls that began before', async ({ skip }) => {
    skip(clients.size === 0, 'there is no client of another language');
    const callers = [...clients];
    for (const [, client] of callers) client.tell({ do: 'hammer', path: GET, request: get('k'), workers: 8, metadata: TOKEN });
    for (const [language, client] of callers) await within(20_000, `the client in ${language} calls`, client.answer());
    const endedMs = Date.now();
    sidecar.signal('SIGTERM');
    for (const [language, client] of callers) {
      const { calls = 0, failures = [] } = await client.answer();
      expect([language, failures.length, new Set(failures.map(({ code }) => code))]).toEqual([language, 8, new Set([Grpc.UNAVAILABLE])]);
      expect(failures.filter(({ beganMs }) => beganMs < endedMs), `of ${calls} calls of ${language}`).toEqual([]);
    }
    expect(await eventually('the sidecar ended', () => sidecar.end())).toEqual({ code: 0, signal: null });
  }, 60_000);
});
