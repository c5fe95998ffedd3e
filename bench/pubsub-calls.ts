// What the pub/sub benchmark works with: the component, the subscriptions, and what is published.
import { payloadOf } from './deliveries.ts';

export const PUBSUB = 'pubsub';
/** Topic of the clients that are used without a sidecar. */
export const DIRECT_TOPIC = 'direct';
/** Messages that are published together, and delivered together at the most. */
export const PUBLISHED_BULK = 50;
export const DELIVERED_BULK = 100;

/** Of each topic in Kafka. */
export const KAFKA_PARTITIONS = 8;

/** More at a time than the driver's defaults, which are daprd's: they say little about throughput. */
export const redisBroker = (address: string): Readonly<Record<string, string>> => ({ redisHost: address, concurrency: '64', queueDepth: '1000' });
export const kafkaBroker = (brokers: string): Readonly<Record<string, string>> => ({ brokers, authType: 'none', initialOffset: 'oldest' });

/** Topics of one sidecar: others would get its messages too. Nobody subscribes to the first one. */
export const topicsOf = (sidecar: string): { readonly published: string; readonly single: string; readonly bulk: string } => {
  const name = sidecar.replaceAll(/\W+/g, '-');
  return { published: `${name}-published`, single: `${name}-single`, bulk: `${name}-bulk` };
};

/** A component, and a subscription to each of two topics. */
export function pubsubResources(sidecar: string, type: string, metadata: Readonly<Record<string, string>>): readonly object[] {
  const { single, bulk } = topicsOf(sidecar);
  const subscription = (name: string, spec: object): object =>
    ({ apiVersion: 'dapr.io/v2alpha1', kind: 'Subscription', metadata: { name }, spec: { pubsubname: PUBSUB, ...spec } });
  return [
    { apiVersion: 'dapr.io/v1alpha1', kind: 'Component', metadata: { name: PUBSUB }, spec: { type, version: 'v1', metadata: Object.entries(metadata).map(([name, value]) => ({ name, value })) } },
    subscription('single', { topic: single, routes: { default: '/single' } }),
    subscription('bulk', { topic: bulk, routes: { default: '/bulk' }, bulkSubscribe: { enabled: true, maxMessagesCount: DELIVERED_BULK, maxAwaitDurationMs: 20 } }),
  ];
}

/** A whole HTTP request that publishes JSON, to be put into an envelope. */
export function publishRequest(port: number, topic: string, bytes: number): string {
  const body = payloadOf(bytes);
  return `POST /v1.0/publish/${PUBSUB}/${topic} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: keep-alive\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

/** The envelope that a sidecar makes, of which an application gets every byte. */
export const eventOf = (topic: string, bytes: number): string =>
  `{"data":${payloadOf(bytes)},"datacontenttype":"application/json","id":"9c6d4c7f-6a0f-4f63-9a54-fb3ae4ac2b8e","pubsubname":"${PUBSUB}","source":"bench",` +
  `"specversion":"1.0","time":"2026-01-01T00:00:00Z","topic":"${topic}","traceid":"","traceparent":"","tracestate":"","type":"com.dapr.event.sent"}`;
