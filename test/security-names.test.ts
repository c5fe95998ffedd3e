// Names that mean something to JavaScript, and characters that mean something to protocols, where callers may choose names and texts: every
// block answers, nothing of it reaches what all objects inherit, and no header, line or path is broken.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { fileURLToPath } from 'node:url';
import { GrpcClient, GrpcFailure } from './harness/grpc.ts';
import { startSidecar, type Sidecar } from './harness/sidecar.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 }); // programs are started, on machines that are busy

const COMPONENTS = [
  { name: 'store', type: 'state.in-memory' }, { name: 'pubsub', type: 'pubsub.in-memory' }, { name: 'settings', type: 'configuration.in-memory', metadata: { items: '{"k": 1}' } },
  { name: 'locks', type: 'lock.in-memory' }, { name: 'ids', type: 'sequencer.in-memory' },
];
const NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'a\r\nX-Injected: 1', '%0d%0aX-Injected:%201', '\u0000', '../../etc/passwd', '..%2f..%2fetc%2fpasswd', '\ud800', 'ü\u2028'];
const POISON = '{"polluted": true, "constructor": {"prototype": {"polluted": true}}, "__proto__": {"polluted": true}}';

describe('names and texts that mean something elsewhere', () => {
  let sidecar: Sidecar;
  beforeAll(async () => {
    sidecar = await startSidecar({ isolation: 'monolith', components: COMPONENTS, nodeArgs: ['--import', fileURLToPath(new URL('fixtures/clean-prototypes.ts', import.meta.url))], flags: ['--enable-api-logging'] });
  });
  afterAll(() => sidecar?.stop());

  it.each(NAMES)('%j as a key, a topic, a store, a resource and metadata', async (name) => {
    const escaped = encodeURIComponent(name.toWellFormed());
    const json = JSON.stringify(name);
    const requests: readonly (readonly [string, string, string?])[] = [
      ['POST', '/v1.0/state/store', `[{"key":${json},"value":${POISON}}]`], ['POST', '/v1.0/state/store', `[{"key":${json},"value":${POISON},"metadata":{${json}:${json}},"etag":${json},"options":${POISON}}]`], ['GET', `/v1.0/state/store/${escaped}?metadata.${escaped}=${escaped}`],
      ['POST', '/v1.0/state/store/bulk', `{"keys":[${json}],"metadata":${POISON}}`], ['POST', '/v1.0/state/store/transaction', `{"operations":[{"operation":"upsert","request":{"key":${json},"value":${POISON}}}],"metadata":${POISON}}`],
      ['POST', `/v1.0/state/${escaped}`, '[]'], ['GET', `/v1.0/state/${escaped}/k`], ['POST', `/v1.0/publish/pubsub/${escaped}?metadata.${escaped}=x`, POISON], ['POST', `/v1.0/publish/${escaped}/topic`, POISON],
      ['POST', '/v1.0/publish/bulk/pubsub/topic', `[{"entryId":${json},"event":${POISON},"contentType":"application/json","metadata":${POISON}}]`], ['GET', `/v1.0/configuration/settings?key=${escaped}&metadata.${escaped}=x`],
      ['POST', '/v1.0-alpha1/lock/locks', `{"resourceId":${json},"lockOwner":${json},"expiryInSeconds":1,"__proto__":${POISON}}`], ['POST', '/v1.0-alpha1/unlock/locks', `{"resourceId":${json},"lockOwner":${json}}`],
      ['POST', `/v1.0-bulkhead/sequencer/ids/${escaped}`, `{"metadata":${POISON}}`], ['POST', `/v1.0-bulkhead/sequencer/${escaped}/k`, '{}'], ['PUT', `/v1.0/metadata/${escaped}`, name], ['GET', '/v1.0/metadata'], ['POST', `/actuator/blocks/${escaped}/restart`],
    ];
    for (const [method, path, body] of requests) {
      const { status, headers } = await sidecar.client.send(method, path, body === undefined ? {} : { body });
      expect([method, path, status, headers['x-injected']]).toEqual([method, path, expect.toSatisfy((code: number) => code >= 200 && code < 505), undefined]);
    }
    using grpc = new GrpcClient(sidecar.grpcAddress);
    const metadata = new Map([[name.toWellFormed(), name.toWellFormed()]]);
    for (const call of [grpc.call('GetState', { storeName: name.toWellFormed(), key: 'k', consistency: 0, metadata }), grpc.call('GetState', { storeName: 'store', key: name.toWellFormed(), consistency: 0, metadata })]) {
      await call.catch((cause: unknown) => expect(cause).toBeInstanceOf(GrpcFailure));
    }
  });

  it('leave what all objects inherit as it was, and one line of the log for each', async () => {
    expect((await sidecar.client.get('/v1.0/state/store/__proto__')).status).toBe(200);
    await sidecar.stop();
    expect(sidecar.logs.matching(/^PROTOTYPES/)).toEqual(['PROTOTYPES as they were']);
    expect(sidecar.logs.all.filter((line) => !/^(?:time="|PROTOTYPES )/.test(line))).toEqual([]);
  });
});
