// Messages sent to a Kafka topic by kafkajs, and counted where they arrive: the publisher of the lane without a sidecar.
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { Stamped } from '../deliveries.ts';
import { serveDeliveries, type DeliverySpec } from './outstanding.ts';

export interface KafkaDeliverySpec extends DeliverySpec {
  readonly topic: string;
  readonly event: string;
  readonly messagesPerCall: number;
}

serveDeliveries<KafkaDeliverySpec>(async ({ port, topic, event, messagesPerCall }) => {
  const producer = new Kafka({ brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING }).producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  const message = new Stamped(Buffer.from(event));
  return {
    messagesPerCall,
    publish: async (atUs) => {
      message.stamp(atUs);
      await producer.send({ topic, acks: -1, messages: Array.from({ length: messagesPerCall }, () => ({ value: message.bytes })) });
    },
    close: () => producer.disconnect(),
  };
});
