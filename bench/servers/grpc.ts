// What grpc-js itself costs: its server, bytes in and bytes out, with an answer that lies ready.
//   node bench/servers/grpc.ts <port> <bytes of a value>
import { Server, ServerCredentials, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { GET_STATE, getAnswer } from '../grpc-calls.ts';

const [, , port, bytes] = process.argv;
const answer = getAnswer(Number(bytes));
const asIs = (message: Buffer): Buffer => message;

const server = new Server();
server.register<Buffer, Buffer>(GET_STATE, (_call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => done(null, answer), asIs, asIs, 'unary');
server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (cause) => {
  if (cause) throw cause;
});
