// The official SDK for JavaScript, unmodified, with a subscription over a stream of its own: it is the client that the SDK makes
// of the API, because the SDK has no more of it. Neither a death of the block nor a life that is replaced ends the stream.
import { CommunicationProtocolEnum, DaprClient, type LoggerService } from '@dapr/dapr';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { eventually } from './harness/awaiting.ts';
import { startSidecar, type Sidecar } from './harness/sidecar.ts';
import { startRedis, type RedisServer } from './servers/redis.ts';

const redis = inject('redis');
if (!redis.available) process.stderr.write(`SKIPPED: the JavaScript SDK's stream on Redis: ${redis.reason}\n`);
const BROKERS = ['memory', ...(redis.available ? ['redis'] : [])];
const silent = (): void => {};
const SILENT: LoggerService = { error: silent, warn: silent, info: silent, verbose: silent, debug: silent };

type Request = { subscribeTopicEventsRequestType: { case: 'initialRequest'; value: { pubsubName: string; topic: string } } | { case: 'eventProcessed'; value: { id: string; status: { status: number } } } };
interface Response {
  readonly subscribeTopicEventsResponseType: { readonly case: 'initialResponse' } | { readonly case: 'eventMessage'; readonly value: { readonly id: string; readonly data: Uint8Array } };
}
/** The part of the SDK's own client that is called here. */
interface GeneratedClient {
  subscribeTopicEventsAlpha1(requests: AsyncIterable<Request>): AsyncIterable<Response>;
}

/** Requests as they come. */
class Requests implements AsyncIterable<Request> {
  readonly #waiting: Request[] = [];
  #wake: () => void = () => {};
  #over = false;

  push(request: Request): void {
    this.#waiting.push(request);
    this.#wake();
  }

  end(): void {
    this.#over = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Request> {
    for (;;) {
      for (const request of this.#waiting.splice(0)) yield request;
      if (this.#over) return;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

describe('a stream of the JavaScript SDK', () => {
  let redisServer: RedisServer | undefined;
  let sidecar: Sidecar;
  let client: DaprClient;

  beforeAll(async () => {
    redisServer = redis.available ? await startRedis() : undefined;
    sidecar = await startSidecar({
      appId: 'sdk-stream',
      components: [{ name: 'memory', type: 'pubsub.in-memory' }, ...(redisServer === undefined ? [] : [{ name: 'redis', type: 'pubsub.redis', metadata: { redisHost: redisServer.address, processingTimeout: '1s', redeliverInterval: '200ms' } }])],
    });
    client = new DaprClient({ daprHost: '127.0.0.1', daprPort: String(sidecar.grpcPort), communicationProtocol: CommunicationProtocolEnum.GRPC, logger: { service: SILENT } });
    await client.start();
  }, 60_000);
  afterAll(async () => {
    await client?.stop();
    await sidecar?.stop();
    await redisServer?.stop();
  });

  it.each(BROKERS)('survives deaths and replacements of its block on %s', async (pubsubName) => {
    const { subscribeTopicEventsAlpha1: subscribe } = (await (client as unknown as { daprClient: { getClient(): Promise<GeneratedClient> } }).daprClient.getClient());
    const requests = new Requests();
    const came: number[] = [];
    const other: string[] = [];
    requests.push({ subscribeTopicEventsRequestType: { case: 'initialRequest', value: { pubsubName, topic: 'orders' } } });
    const reading = (async () => {
      for await (const { subscribeTopicEventsResponseType: response } of subscribe(requests)) {
        if (response.case !== 'eventMessage') {
          other.push(response.case);
          continue;
        }
        came.push((JSON.parse(Buffer.from(response.value.data).toString()) as { number: number }).number);
        requests.push({ subscribeTopicEventsRequestType: { case: 'eventProcessed', value: { id: response.value.id, status: { status: 0 } } } });
      }
      return 'ended well';
    })().catch((cause: unknown) => String(cause));
    await eventually('it stands', () => other.length === 1);
    const subscribed = (): number => sidecar.logs.all.filter((line) => line.includes(`subscribed to topic orders through pubsub ${pubsubName}`)).length;
    let published = 0;
    const publishSome = async (): Promise<void> => {
      for (let i = 0; i < 5; i++) expect((await client.pubsub.publish(pubsubName, 'orders', { number: published++ })).error).toBeUndefined();
      await eventually('all came', () => new Set(came).size === published, 10_000);
    };
    await publishSome();
    for (let life = 0; life < 2; life++) {
      const before = subscribed();
      await sidecar.kill('pubsub');
      await eventually('the next life subscribes', () => subscribed() > before); // in memory, what is published earlier is nobody's
      await publishSome();
      expect((await sidecar.client.post('/actuator/blocks/pubsub/restart', '')).status).toBe(200);
      await publishSome();
    }
    expect(other, 'it was told once that it stands').toEqual(['initialResponse']);
    // A kill may cost acknowledgements that were on their way, of the last few messages.
    expect(came.length - published, 'what came twice').toBeLessThanOrEqual(2 * 5);
    requests.end();
    expect(await reading).toBe('ended well');
  }, 30_000);
});
