// The same as a gRPC application on grpc-js, bytes in and bytes out.
//   node bench/servers/grpc-app.ts <port> <port of its report>
import { Server, ServerCredentials, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { DeliveryReport } from '../deliveries.ts';

const [, , port, reportPort] = process.argv;
const report = new DeliveryReport(Number(reportPort));
const SERVICE = '/dapr.proto.runtime.v1.AppCallback/';
/** Of both rpcs it says what has to be said: no subscriptions of its own, and SUCCESS. */
const NOTHING = Buffer.alloc(0);
const asIs = (message: Buffer): Buffer => message;

const server = new Server();
server.register<Buffer, Buffer>(`${SERVICE}ListTopicSubscriptions`, (_call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => done(null, NOTHING), asIs, asIs, 'unary');
server.register<Buffer, Buffer>(`${SERVICE}OnTopicEvent`, ({ request }: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
  report.delivered(request);
  done(null, NOTHING);
}, asIs, asIs, 'unary');
server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (cause) => {
  if (cause) throw cause;
});
