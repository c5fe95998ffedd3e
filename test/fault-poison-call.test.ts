// A call over which its block dies each time: after three deaths it is refused at once, its neighbours on the same route go on, and
// a read that kills is repeated no further. Redis is stopped, so that the call is in flight for as long as the test wants; the
// test is what the block dies of.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from './harness/awaiting.ts';
import { GrpcClient } from './harness/grpc.ts';
import { startSidecar, type Sidecar } from './harness/sidecar.ts';
import { getState } from './harness/states.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';
import { describeWithRedis } from './servers/suites.ts';

const JSON_BODY = { 'Content-Type': 'application/json' };

describeWithRedis('a call over which its block dies', () => {
  let server: RedisServer;
  let sidecar: Sidecar;
  beforeAll(async () => {
    server = await startRedis();
    sidecar = await startSidecar({ components: [{ name: 'redis', type: 'state.redis', metadata: { redisHost: server.address } }, { name: 'memory', type: 'state.in-memory' }] });
    server.pause();
  });
  afterAll(async () => {
    server?.resume();
    await sidecar?.stop();
    await server?.stop();
  });

  const save = (store: string, key: string) => sidecar.client.post(`/v1.0/state/${store}`, JSON.stringify([{ key, value: 'secret sauce' }]), JSON_BODY);
  /** Calls reach a block in their order: whatever was in flight before a neighbour was answered, the block has begun. */
  const killOverIt = async (): Promise<void> => {
    await eventually('it is in flight', async () => (await sidecar.block('state')).inFlight === 1);
    expect(await save('memory', `neighbour-${Math.random()}`)).toMatchObject({ status: 204 });
    const { life } = await sidecar.block('state');
    await sidecar.kill('state');
    await eventually('the next life is there', async () => (await sidecar.block('state')).life > life);
  };

  it('is refused after three deaths, and its neighbours are not', async () => {
    for (let death = 0; death < 3; death++) {
      const poison = save('redis', 'killer-key');
      await killOverIt();
      expect(await poison).toMatchObject({ status: 503 });
    }
    const refused = await save('redis', 'killer-key');
    expect([refused.status, JSON.parse(refused.body)]).toEqual([422, {
      errorCode: 'ERR_CALL_POISONOUS', message: 'this call is refused: it was in flight at each of the last 3 deaths of the state block',
      details: [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', domain: 'dapr.io', metadata: { block: 'state' }, reason: 'ERR_CALL_POISONOUS' }],
    }]);
    expect(await save('memory', 'poison'), 'the same route').toMatchObject({ status: 204 });
    expect(await sidecar.block('state')).toMatchObject({ life: 4, inFlight: 0, poisoned: 1 });
  });

  it('kills no more lives where it is a read that is repeated', async () => {
    using grpc = new GrpcClient(sidecar.grpcAddress);
    const { life } = await sidecar.block('state');
    const first = grpc.call('GetState', getState('redis', 'killer-key')).catch((cause: unknown) => cause);
    await killOverIt(); // it is repeated
    await killOverIt();
    expect(await first).toMatchObject({ code: 'Unavailable' });
    const second = grpc.call('GetState', getState('redis', 'killer-key')).catch((cause: unknown) => cause);
    await killOverIt(); // its repeat is refused
    expect(await second).toMatchObject({ code: 'FailedPrecondition', message: expect.stringContaining('this call is refused') as string });
    expect(await grpc.call('GetState', getState('redis', 'killer-key')).catch((cause: unknown) => cause)).toMatchObject({ code: 'FailedPrecondition' });
    expect(await grpc.call('GetState', getState('memory', 'poison'))).toMatchObject({ etag: expect.any(String) as string });
    expect((await sidecar.block('state')).life).toBe(life + 3);
  });

  it('is in the log once for each kind, by its digest, and its key and body are not', async () => {
    const lines = sidecar.logs.matching(/are refused from now on/);
    expect(lines).toEqual([expect.stringMatching(/level=error .*calls of SaveState with digest [0-9a-f]{16} /), expect.stringMatching(/level=error .*calls of GetState with digest [0-9a-f]{16} /)]);
    expect(sidecar.logs.all.join('\n')).not.toMatch(/killer-key|secret sauce/);
    server.resume();
    await eventually('Redis is back', async () => (await save('redis', 'another')).status === 204);
    expect(await save('redis', 'killer-key')).toMatchObject({ status: 422 });
  });
});
