// Two gateways in front of blocks that are code in the kernel's own loop, or a thread: calls cross between threads there, and a gateway
// that ends costs itself alone. Two that share a Unix socket.
import { statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './harness/awaiting.ts';
import { GatewaySidecar } from './harness/gateways.ts';
import { GrpcClient } from './harness/grpc.ts';
import { Pinned, PinnedLoad } from './harness/pinned.ts';
import { getState } from './harness/states.ts';

const CLIENTS = 12;

describe('two gateways and blocks in the kernel\'s process', () => {
  let gateways: GatewaySidecar;
  beforeAll(async () => {
    gateways = await GatewaySidecar.start({
      isolation: 'monolith', components: [{ name: 'memory', type: 'state.in-memory' }, { name: 'ids', type: 'sequencer.in-memory' }], flags: ['--blocks=state,sequencer', '--block=sequencer=thread'],
    });
  }, 60_000);
  afterAll(() => gateways?.[Symbol.asyncDispose]());

  it('fail no call while blocks are replaced', async () => {
    await using clients = new PinnedLoad(gateways.sidecar.httpPort, 'memory', CLIENTS);
    await clients.answers(100);
    expect((await gateways.rows()).every(({ connections = 0 }) => connections > 0)).toBe(true);
    const numbered = Array.from({ length: CLIENTS }, () => new Pinned(gateways.sidecar.httpPort));
    const ids: string[] = [];
    for (const block of ['state', 'sequencer', 'state']) {
      const [{ status }, ...answers] = await Promise.all([gateways.sidecar.client.post(`/actuator/blocks/${block}/restart`, ''), ...numbered.map((client) => client.call('POST', '/v1.0-bulkhead/sequencer/ids/orders'))]);
      expect([status, ...new Set(answers.map((answer) => answer.status))]).toEqual([200, 200]);
      ids.push(...answers.map(({ body }) => body));
      await clients.answers(50);
    }
    expect(new Set(ids).size, 'no id twice').toBe(ids.length);
    for (const client of numbered) client.close();
    await clients.stop();
    expect([clients.failures, clients.wrong]).toEqual([[], []]);
  });

  it('lose one that ends, and get it back', async () => {
    await using clients = new PinnedLoad(gateways.sidecar.httpPort, 'memory', CLIENTS);
    await clients.answers(50);
    gateways.fail('gateway-1', 'throw');
    await gateways.isBack(1, 1);
    await clients.answers(100);
    await clients.stop();
    expect(clients.broken).toBeGreaterThan(0);
    expect(clients.broken).toBeLessThan(CLIENTS);
    expect([clients.refused, clients.wrong]).toEqual([[], []]);
    expect(await gateways.sidecar.block('state')).toMatchObject({ inFlight: 0, restarts: 0 });
  });
});

describe('two gateways on Unix sockets', () => {
  it('accept on one path each, which is gone with them', async () => {
    await using gateways = await GatewaySidecar.start({ isolation: 'monolith', components: [{ name: 'memory', type: 'state.in-memory' }], flags: ['--blocks=state', '--unix-domain-socket=sockets'], until: 'listening' });
    const path = `${gateways.sidecar.folder}/sockets/dapr-app-http.socket`;
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const clients = Array.from({ length: CLIENTS }, () => new Pinned(path));
    await Promise.all(clients.map((client) => client.call('POST', '/v1.0/state/memory', [{ key: 'a', value: 1 }])));
    expect([...new Set((await Promise.all(clients.map((client) => client.call('GET', '/v1.0/state/memory/a')))).map(({ status, body }) => `${status} ${body}`))]).toEqual(['200 1']);
    // Whichever of them is gone, the other one accepts; and the one that comes back does.
    for (const index of [0, 1]) {
      gateways.fail(`gateway-${index}`, 'throw');
      await gateways.sidecar.logs.match(new RegExp(`gateway ${index} ended: .*an injected error`), 30_000);
      const client = new Pinned(path);
      expect((await client.call('GET', '/v1.0/state/memory/a')).body).toBe('1');
      await eventually('it is back', async () => {
        const { body } = await client.call('GET', '/actuator/blocks');
        const row = (JSON.parse(body) as { gateways: { state: string; restarts: number }[] }).gateways[index];
        return row?.state === 'ready' && row.restarts === 1;
      });
      client.close();
    }
    const grpc = new GrpcClient(`unix:${gateways.sidecar.folder}/sockets/dapr-app-grpc.socket`);
    expect(Buffer.from((await grpc.call('GetState', getState('memory', 'a'))).data).toString()).toBe('1');
    for (const client of clients) client.close();
    grpc.close();
    expect(await gateways.sidecar.stop()).toEqual({ code: 0, signal: null });
  }, 60_000);
});
