// The pub/sub block with everything around it made up: a broker that hands out what a test says, a kernel that asks the test,
// and streams that a test holds the other end of.
import { NO_METER } from '../../blocks/meter.ts';
import { TopicEventResponse_TopicEventResponseStatus as Status } from '../../proto/gen/dapr/proto/runtime/v1/appcallback.ts';
import { SubscribeTopicEventsRequestAlpha1, SubscribeTopicEventsResponseAlpha1 } from '../../proto/gen/dapr/proto/runtime/v1/pubsub.ts';
import type { ApiError } from '../../proto/errors.ts';
import type { AppSettings, SubscriptionSpec } from '../../proto/init.ts';
import type { ComponentResiliency } from '../../proto/resiliency.ts';
import { ROUTE } from '../../proto/routes.ts';
import type { Block, StreamCall } from '../../blocks/block.ts';
import type { OpenDriver } from '../../blocks/components.ts';
import type { AppAnswer, AppRequest, Kernel } from '../../blocks/kernel.ts';
import { pubsubBlock } from '../../blocks/pubsub/block.ts';
import type { Broker, BrokerSubscription, IncomingMessage, OutgoingMessage, Sink, StringMap, SubscribeRequest } from '../../blocks/pubsub/broker.ts';
import { componentSpec, memoryCheckpoints, memoryLog, type MemoryLog } from '../support.ts';

export interface MessageOptions {
  readonly id?: string;
  readonly data?: unknown;
  readonly attempt?: number;
  readonly orderKey?: string;
  readonly metadata?: StringMap;
  /** As it is; by default an envelope with `id` and `data`. */
  readonly payload?: string;
}

export class FakeMessage implements IncomingMessage {
  readonly id: string;
  readonly topic: string;
  readonly data: Uint8Array;
  readonly metadata: StringMap;
  readonly contentType = '';
  readonly attempt: number;
  readonly orderKey: string | undefined;
  /** Everything it was settled by, in order. */
  readonly settled: ('ack' | 'retry' | 'release')[] = [];

  constructor(topic: string, { id = 'm', data = {}, attempt = 0, orderKey, metadata = {}, payload }: MessageOptions) {
    this.id = id;
    this.topic = topic;
    this.data = Buffer.from(payload ?? JSON.stringify({ specversion: '1.0', id, type: 't', source: 's', datacontenttype: 'application/json', data }));
    this.metadata = metadata;
    this.attempt = attempt;
    this.orderKey = orderKey;
  }

  ack(): void {
    this.settled.push('ack');
  }
  retry(): void {
    this.settled.push('retry');
  }
  release(): void {
    this.settled.push('release');
  }
}

export class FakeSubscription implements BrokerSubscription {
  readonly concurrency: number;
  readonly request: SubscribeRequest;
  readonly sink: Sink;
  readonly messages: FakeMessage[] = [];
  paused = false;
  closed = false;
  onPause: () => void = () => {};

  constructor(request: SubscribeRequest, sink: Sink, concurrency: number) {
    this.request = request;
    this.sink = sink;
    this.concurrency = concurrency;
  }

  /** Hands out one message. */
  deliver(options: MessageOptions = {}): FakeMessage {
    const message = new FakeMessage(this.request.topic, options);
    this.messages.push(message);
    this.sink.deliver(message);
    return message;
  }

  pause(): void {
    this.paused = true;
    this.onPause();
  }

  async close(): Promise<void> {
    this.paused = true;
    this.closed = true;
  }
}

export class FakeBroker implements Broker {
  features: string[] = [];
  concurrency = 16;
  bulkDefaults?: NonNullable<Broker['bulkDefaults']>;
  /** All there ever were. */
  readonly subscriptions: FakeSubscription[] = [];
  readonly published: { topic: string; data: string; metadata: StringMap | undefined }[] = [];
  /** Set: subscribing fails, with these words. */
  refusal: string | undefined;
  attempts = 0;
  publishing: (topic: string, message: OutgoingMessage) => Promise<void> | void = () => {};
  closed = false;

  async publish(topic: string, message: OutgoingMessage): Promise<void> {
    await this.publishing(topic, message);
    this.published.push({ topic, data: Buffer.from(message.data).toString(), metadata: message.metadata });
  }

  async subscribe(request: SubscribeRequest, sink: Sink): Promise<BrokerSubscription> {
    this.attempts++;
    if (this.refusal !== undefined) throw new Error(this.refusal);
    const subscription = new FakeSubscription(request, sink, this.concurrency);
    this.subscriptions.push(subscription);
    return subscription;
  }

  /** The open subscriptions. */
  get live(): FakeSubscription[] {
    return this.subscriptions.filter(({ closed }) => !closed);
  }

  /** The one open subscription to a topic. @throws Error when there is none, or several */
  on(topic: string): FakeSubscription {
    const found = this.live.filter(({ request }) => request.topic === topic);
    if (found.length !== 1) throw new Error(`there are ${found.length} subscriptions to ${topic}`);
    return found[0]!;
  }

  close(): void {
    this.closed = true;
  }
}

/** A call to the application that the test answers. */
export interface AppCall {
  readonly request: AppRequest;
  readonly body: string;
  readonly answer: (status: number, body?: string) => void;
  readonly fail: (failure: NonNullable<AppAnswer['failure']>) => void;
  givenUp: boolean;
}

export class FakeKernel implements Kernel {
  readonly suspects = new Map<string, number>();
  /** Deliveries, in order; what the application is asked is not among them. */
  readonly calls: AppCall[] = [];
  /** What was worked on at a time, in order. */
  readonly processed: string[][] = [];
  readonly acquitted: string[] = [];
  /** Open brackets of `processing`. */
  working = 0;
  asked = 0;
  /** The application's answer to GET /dapr/subscribe. */
  subscribe: () => AppAnswer = () => ({ status: 404, body: Buffer.alloc(0) });
  /** Set: answers deliveries at once. */
  auto: ((call: AppCall) => void) | undefined;

  callApp(request: AppRequest, answer: (answer: AppAnswer) => void): () => void {
    if (request.verb === 'GET') {
      this.asked++;
      const said = this.subscribe();
      setImmediate(() => answer(said));
      return () => {};
    }
    let over = false;
    const reply = (said: AppAnswer): void => {
      if (over || call.givenUp) return;
      over = true;
      answer(said);
    };
    const call: AppCall = {
      request, givenUp: false,
      body: Buffer.from(request.body).toString(),
      answer: (status, body = '') => reply({ status, body: Buffer.from(body) }),
      fail: (failure) => reply({ status: 0, body: Buffer.alloc(0), failure }),
    };
    this.calls.push(call);
    if (this.auto !== undefined) setImmediate(this.auto, call);
    return () => {
      call.givenUp = true;
    };
  }

  processing(ids: readonly string[]): () => void {
    this.processed.push([...ids]);
    this.working++;
    return () => {
      this.working--;
    };
  }

  acquit(ids: readonly string[]): void {
    for (const id of ids) {
      this.suspects.delete(id);
      this.acquitted.push(id);
    }
  }

  /** What the application was sent, by the ids of the envelopes, in order. */
  delivered(): string[] {
    return this.calls.map(({ body }) => (JSON.parse(body) as { id: string }).id);
  }
}

/** A client's end of a stream. */
export class FakeStream implements StreamCall {
  readonly headers = {};
  onMessage: (message: Uint8Array) => void = () => {};
  onHalfClose: () => void = () => {};
  onCancel: () => void = () => {};
  onCredit: () => void = () => {};
  /** Messages that may still be sent. */
  credit = Infinity;
  /** `ready` for the initial response, else the id of an event. */
  readonly received: string[] = [];
  readonly paths: string[] = [];
  end_: 'ok' | ApiError | undefined;

  send(message: Uint8Array): boolean {
    if (this.credit === 0) throw new RangeError('no credit');
    this.credit--;
    const { subscribeTopicEventsResponseType: response } = SubscribeTopicEventsResponseAlpha1.decode(message);
    if (response?.$case === 'eventMessage') {
      this.received.push(response.value.id);
      this.paths.push(response.value.path);
    } else this.received.push('ready');
    return this.credit > 0;
  }
  pause(): void {}
  resume(): void {}
  end(): void {
    this.end_ ??= 'ok';
  }
  fail(error: ApiError): void {
    this.end_ ??= error;
  }

  initial(pubsubName: string, topic: string, deadLetterTopic?: string, metadata: StringMap = {}): void {
    this.say({ subscribeTopicEventsRequestType: { $case: 'initialRequest', value: { pubsubName, topic, metadata: new Map(Object.entries(metadata)), deadLetterTopic } } });
  }
  settle(id: string, status: keyof typeof Status = 'SUCCESS'): void {
    this.say({ subscribeTopicEventsRequestType: { $case: 'eventProcessed', value: { id, status: { status: Status[status] } } } });
  }
  say(request: SubscribeTopicEventsRequestAlpha1): void {
    this.onMessage(SubscribeTopicEventsRequestAlpha1.encode(request).finish());
  }
}

export interface Rig {
  readonly block: Block;
  readonly broker: FakeBroker;
  readonly kernel: FakeKernel;
  readonly log: MemoryLog;
  /** Times the kernel was told that subscriptions changed. */
  readonly reports: () => number;
  readonly openStream: () => FakeStream;
}

export interface RigOptions {
  readonly subscriptions?: readonly SubscriptionSpec[];
  /** `null`: there is no application. */
  readonly app?: Partial<AppSettings> | null;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly broker?: FakeBroker;
  readonly kernel?: FakeKernel;
  /** Opens the component; by default at once. */
  readonly open?: OpenDriver<Broker>;
  /** The component's policies. */
  readonly resiliency?: ComponentResiliency;
}

/** A block with one component, `p`. */
export function rig({ subscriptions = [], app = {}, metadata = {}, broker = new FakeBroker(), kernel = new FakeKernel(), open = () => broker, resiliency }: RigOptions = {}): Rig {
  const log = memoryLog();
  let reports = 0;
  const block = pubsubBlock({ 'pubsub.fake': async () => open })({
    block: 'pubsub', appId: 'app', namespace: '', components: [{ ...componentSpec('pubsub.fake', metadata, 'p'), ...(resiliency && { resiliency }) }], maxBodyBytes: 1 << 20,
    log: { level: 'debug', json: false, appId: 'app', instance: 'i', version: 'v' },
    ...(app === null ? {} : { app: { protocol: 'http' as const, askSubscriptions: true, ...app } }),
    tracing: {}, elsewhere: [], subscriptions,
  }, { log, changed: () => {}, checkpoints: memoryCheckpoints(), subscriptionsChanged: () => void reports++, kernel, meter: NO_METER });
  const openStream = (): FakeStream => {
    const stream = new FakeStream();
    block.streams!.get(ROUTE.SubscribeTopicEventsAlpha1.id)!.open(stream, new Uint8Array(0));
    return stream;
  };
  return { block, broker, kernel, log, reports: () => reports, openStream };
}

export type SpecOptions = Partial<Omit<SubscriptionSpec, 'bulk'>> & { readonly bulk?: Partial<SubscriptionSpec['bulk']> };

/** A subscription to topic `t` of component `p`, at `/t`. */
export function subscription({ bulk, ...rest }: SpecOptions = {}): SubscriptionSpec {
  return {
    pubsubName: 'p', topic: 't', metadata: {}, rules: [{ match: '', path: '/t' }], deadLetterTopic: '', ...rest,
    bulk: { enabled: false, maxMessagesCount: 0, maxAwaitDurationMs: 0, ...bulk },
  };
}
