// What somebody would write who reads a Kafka topic and needs no sidecar: kafkajs, message by message.
//   node bench/servers/kafka-consumer.ts <port to listen on when ready> <port of its report> <port of Kafka>
import { createServer } from 'node:net';
import { Kafka, logLevel } from 'kafkajs';
import { DeliveryReport } from '../deliveries.ts';
import { DIRECT_TOPIC } from '../pubsub-calls.ts';

const [, , port, reportPort, kafkaPort] = process.argv;
const report = new DeliveryReport(Number(reportPort));
const consumer = new Kafka({ brokers: [`127.0.0.1:${kafkaPort}`], logLevel: logLevel.ERROR }).consumer({ groupId: 'direct' });

consumer.on(consumer.events.GROUP_JOIN, () => void createServer().listen(Number(port), '127.0.0.1'));
await consumer.connect();
await consumer.subscribe({ topic: DIRECT_TOPIC, fromBeginning: true });
await consumer.run({ eachMessage: async ({ message }) => { if (message.value !== null) report.delivered(message.value); } });
