// What publishing and subscribing through a sidecar is, whatever the broker and wherever its block runs: Dapr's checklist for
// pub/sub components (contract: messaging §12.2) and what an application relies on besides.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type App, type AppSubscription, type ReceivedRequest } from '../harness/app.ts';
import { eventually } from '../harness/awaiting.ts';
import { startSidecar, type ComponentManifest, type Isolation, type Sidecar } from '../harness/sidecar.ts';

export interface PubsubTraits {
  /** Messages that are published one after the other are handled in that order. */
  readonly inOrder: boolean;
  /** What is published while nobody reads is there later. */
  readonly persists: boolean;
}

const COUNT = 10;
const NAME = 'broker';

export function pubsubConformance(name: string, isolation: Isolation, component: () => Omit<ComponentManifest, 'name'>, traits: PubsubTraits): void {
  describe(`pub/sub conformance: ${name} in ${isolation} isolation`, () => {
    /** Of this run's own: a broker may remember others. */
    const run = randomUUID().slice(0, 8);
    const appId = `conformance-${run}`;
    const topic = (of: string): string => `${of}-${run}`;
    let app: App;
    let sidecar: Sidecar;
    /** Texts that were handled, by path, in order. */
    const handled = new Map<string, string[]>();
    /** How often each text came, by path. */
    const came = new Map<string, number>();

    const at = (path: string): string[] => handled.get(path) ?? [];
    const textOf = (event: { readonly data?: unknown; readonly data_base64?: string }): string => (event.data_base64 === undefined ? String(event.data) : Buffer.from(event.data_base64, 'base64').toString());
    const note = (path: string, text: string): number => {
      const key = `${path} ${text}`;
      const times = (came.get(key) ?? 0) + 1;
      came.set(key, times);
      return times;
    };
    const handle = (path: string, text: string): void => void handled.set(path, [...at(path), text]);
    const publish = async (to: string, text: string, type = 'text/plain'): Promise<number> => (await sidecar.client.post(`/v1.0/publish/${NAME}/${topic(to)}`, text, { 'content-type': type })).status;
    const messages = (prefix: string): string[] => Array.from({ length: COUNT }, (_, index) => `${prefix}-${run}-${index}`);
    const start = (): Promise<Sidecar> => startSidecar({ isolation, appId, components: [{ name: NAME, ...component() }], flags: [`--app-port=${app.port}`] });

    /** Fails the first two messages and every fifth after them, once each. */
    let failures = 0;
    const flaky = (path: string, text: string): boolean => {
      if (note(path, text) > 1) return false;
      failures++;
      return failures <= 2 || failures % 5 === 0;
    };
    const answer = (request: ReceivedRequest) => {
      if (request.path === '/bulk') {
        const { entries } = request.json as { readonly entries: readonly { readonly entryId: string; readonly event: { readonly data: string } }[] };
        expect(entries.length).toBeLessThanOrEqual(5);
        for (const { event } of entries) handle('/bulk', textOf(event));
        return app.bulkVerdict(Object.fromEntries(entries.map(({ entryId }) => [entryId, 'SUCCESS'])));
      }
      const text = textOf(request.json as { readonly data?: unknown });
      if (request.path === '/flaky' && flaky('/flaky', text)) return app.verdict('RETRY');
      handle(request.path, text);
      return undefined;
    };

    beforeAll(async () => {
      const at = (path: string, more: Partial<AppSubscription> = {}): AppSubscription => ({ pubsubname: NAME, topic: topic(path), route: `/${path}`, ...more });
      app = await startApp({
        handler: answer,
        subscriptions: [at('flaky'), at('one'), at('two'), at('raw', { metadata: { rawPayload: 'true' } }), at('bulk', { bulkSubscribe: { enabled: true, maxMessagesCount: 5, maxAwaitDurationMs: 500 } }), at('late')],
      });
      sidecar = await start();
    }, 60_000);
    afterAll(async () => {
      await sidecar?.stop();
      await app?.stop();
    }, 30_000);

    it('is ready, and has its subscriptions', async () => {
      expect(await sidecar.client.get('/v1.0/healthz')).toMatchObject({ status: 204 });
      expect((await sidecar.metadata())['subscriptions']).toHaveLength(6);
    });

    it(`delivers every message, also those that were not handled at first${traits.inOrder ? ', in order' : ''}`, async () => {
      const sent = messages('flaky');
      for (const text of sent) expect(await publish('flaky', text)).toBe(204);
      await eventually('all are handled', () => new Set(at('/flaky')).size === COUNT, 60_000);
      expect([...came.values()].filter((times) => times > 1).length, 'some had failed').toBeGreaterThanOrEqual(3);
      if (traits.inOrder) expect(at('/flaky')).toEqual(sent);
      else expect(at('/flaky').toSorted()).toEqual(sent.toSorted());
    }, 70_000);

    it('delivers to each of two handlers its own', async () => {
      for (const to of ['one', 'two']) for (const text of messages(to)) expect(await publish(to, text)).toBe(204);
      for (const to of ['one', 'two']) await eventually(`all of ${to} are handled`, () => at(`/${to}`).length >= COUNT, 30_000);
      for (const to of ['one', 'two']) expect(new Set(at(`/${to}`))).toEqual(new Set(messages(to)));
    }, 40_000);

    it('publishes in bulk, and delivers in batches no larger than asked for', async () => {
      const sent = messages('bulk');
      const body = JSON.stringify(sent.map((event, index) => ({ entryId: String(index), event, contentType: 'text/plain' })));
      expect(await sidecar.client.post(`/v1.0/publish/bulk/${NAME}/${topic('bulk')}`, body, { 'content-type': 'application/json' })).toMatchObject({ status: 204 });
      await eventually('all are handled', () => new Set(at('/bulk')).size === COUNT, 30_000);
      expect(at('/bulk').toSorted()).toEqual(sent.toSorted());
    }, 40_000);

    it('leaves raw payloads as they are, whatever their size and bytes', async () => {
      for (const text of ['', '{"a":1}', 'ünïcode 🚢', 'x'.repeat(500_000)]) {
        expect(await sidecar.client.post(`/v1.0/publish/${NAME}/${topic('raw')}?metadata.rawPayload=true`, text, { 'content-type': 'text/plain' })).toMatchObject({ status: 204 });
        await eventually('it is there', () => at('/raw').includes(text), 20_000);
      }
    }, 60_000);

    it('delivers nothing to an application that has gone, and all of it when it is back', async () => {
      await app.stop();
      for (const text of messages('late')) expect(await publish('late', text)).toBe(204);
      expect(at('/late')).toEqual([]);
      await app.restart();
      await eventually('all are handled', () => new Set(at('/late')).size === COUNT, 30_000);
    }, 60_000);

    if (traits.persists) it('keeps what is published over the end of a sidecar', async () => {
      await app.stop();
      const again = messages('again');
      for (const text of again) expect(await publish('late', text)).toBe(204);
      expect(await sidecar.stop()).toMatchObject({ code: 0 });
      await app.restart();
      sidecar = await start();
      await eventually('all are handled', () => again.every((text) => at('/late').includes(text)), 40_000);
    }, 80_000);
  });
}
