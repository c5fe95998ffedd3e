// The floor under publishing to Kafka: kafkajs in this very process, acknowledged by all replicas. One message a send, or as
// somebody does it who has many at hand: so many in a send.
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { serveWindows, type LoadSpec } from './window.ts';

/** `streams` sends run at a time. */
export interface KafkaPublishSpec extends LoadSpec {
  readonly topic: string;
  readonly payload: string;
  readonly messagesPerSend: number;
}

serveWindows<KafkaPublishSpec>(async ({ port, streams, topic, payload, messagesPerSend }, recorder) => {
  const producer = new Kafka({ brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING }).producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  const value = Buffer.from(payload);
  let closed = false;
  const loops = Array.from({ length: streams }, async () => {
    let sentAt = performance.now();
    while (!closed) {
      await producer.send({ topic, acks: -1, messages: Array.from({ length: messagesPerSend }, () => ({ value })) });
      const now = performance.now();
      for (let i = 0; i < messagesPerSend; i++) recorder.answered(now - sentAt);
      sentAt = now;
    }
  });
  return {
    close: async () => {
      closed = true;
      await Promise.all(loops);
      await producer.disconnect();
    },
  };
});
