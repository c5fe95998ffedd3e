// A client of SubscribeTopicEventsAlpha1 with a ledger: what was published for it, what came, and how often.
import type { ClientDuplexStream, StatusObject } from '@grpc/grpc-js';
import { TopicEventResponse_TopicEventResponseStatus as Status } from '../../proto/gen/dapr/proto/runtime/v1/appcallback.ts';
import { SubscribeTopicEventsRequestAlpha1, SubscribeTopicEventsResponseAlpha1 } from '../../proto/gen/dapr/proto/runtime/v1/pubsub.ts';
import { eventually } from './awaiting.ts';
import type { GrpcClient } from './grpc.ts';
import type { Sidecar } from './sidecar.ts';

export class TopicSubscriber {
  /** How often it was told that its subscription stands. */
  initials = 0;
  /** Numbers whose publish was acknowledged; they count from 0. */
  readonly acknowledged: number[] = [];
  /** How often each came. */
  readonly arrivals = new Map<number, number>();
  /** The status it ended with. */
  ended: number | undefined;
  readonly #pubsub: string;
  readonly #topic: string;
  readonly #stream: ClientDuplexStream<Uint8Array, Buffer>;
  #next = 0;

  /** @param settles whether it settles its events */
  constructor(grpc: GrpcClient, pubsub: string, topic: string, settles: () => boolean = () => true) {
    this.#pubsub = pubsub;
    this.#topic = topic;
    this.#stream = grpc.duplex('SubscribeTopicEventsAlpha1', { deadlineMs: 600_000 });
    this.#say({ $case: 'initialRequest', value: { pubsubName: pubsub, topic, metadata: new Map(), deadLetterTopic: undefined } });
    this.#stream.on('data', (message: Buffer) => {
      const { subscribeTopicEventsResponseType: response } = SubscribeTopicEventsResponseAlpha1.decode(message);
      if (response?.$case !== 'eventMessage') {
        this.initials++;
        return;
      }
      const { id, data } = response.value;
      const number = JSON.parse(Buffer.from(data).toString()) as number;
      this.arrivals.set(number, (this.arrivals.get(number) ?? 0) + 1);
      if (settles()) this.#say({ $case: 'eventProcessed', value: { id, status: { status: Status.SUCCESS } } });
    });
    this.#stream.on('error', () => {}); // the status says the same
    this.#stream.on('status', ({ code }: StatusObject) => (this.ended = code));
  }

  get published(): number {
    return this.acknowledged.length;
  }
  get duplicates(): number {
    return [...this.arrivals.values()].reduce((sum, times) => sum + times - 1, 0);
  }

  async stands(): Promise<void> {
    await eventually('the subscription stands', () => this.initials > 0);
  }

  /** The next message. @throws Error when it is not acknowledged */
  async publish(sidecar: Sidecar): Promise<void> {
    const number = this.#next++;
    const { status, body } = await sidecar.client.post(`/v1.0/publish/${this.#pubsub}/${this.#topic}`, String(number), { 'Content-Type': 'application/json' });
    if (status !== 204) throw new Error(`publishing ${number} was answered with ${status} ${body}`);
    this.acknowledged.push(number);
  }

  /** Acknowledged and never delivered. */
  missing(): number[] {
    return this.acknowledged.filter((number) => !this.arrivals.has(number));
  }

  async settled(): Promise<void> {
    await eventually('all that was published has come', () => this.missing().length === 0, 20_000);
  }

  cancel(): void {
    this.#stream.cancel();
  }

  #say(request: SubscribeTopicEventsRequestAlpha1['subscribeTopicEventsRequestType']): void {
    this.#stream.write(SubscribeTopicEventsRequestAlpha1.encode({ subscribeTopicEventsRequestType: request }).finish());
  }
}
