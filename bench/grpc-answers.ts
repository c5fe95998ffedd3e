// What a server answers to each message, asked once by another client than the one that measures, and checked: the bytes that
// its answers under load are compared with.
import { Client, credentials } from '@grpc/grpc-js';
import { GetStateResponse } from '../proto/gen/dapr/proto/runtime/v1/state.ts';
import { valueOf } from './calls.ts';
import { GET_STATE, getMessages } from './grpc-calls.ts';

const asIs = (bytes: Buffer): Buffer => bytes;
const TIMEOUT_MS = 10_000;

/** In base64, in the order of `getMessages`. @throws Error for an answer without the value that was saved */
export async function stateAnswers(grpcPort: number, bytes: number): Promise<string[]> {
  const client = new Client(`127.0.0.1:${grpcPort}`, credentials.createInsecure());
  try {
    const answers: string[] = [];
    for (const message of getMessages()) {
      const answer = await new Promise<Buffer>((resolve, reject) => {
        client.makeUnaryRequest(GET_STATE, asIs, asIs, Buffer.from(message, 'base64'), { deadline: Date.now() + TIMEOUT_MS }, (cause, value) => (cause === null ? resolve(value as Buffer) : reject(cause)));
      });
      const value = Buffer.from(GetStateResponse.decode(answer).data).toString();
      if (value !== valueOf(bytes)) throw new Error(`port ${grpcPort} answered with another value than was saved: ${value}`);
      answers.push(answer.toString('base64'));
    }
    return answers;
  } finally {
    client.close();
  }
}
