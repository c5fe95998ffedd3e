// A client of either protocol, when it can be used.
import type { Protocol } from '../modes/names.ts';
import type { Client, ClientOptions } from './client.ts';
import { GrpcClient } from './grpc-client.ts';
import { HttpClient } from './http-client.ts';

const CONNECT_MS = 10_000;

/** @throws Error when nothing can be reached */
export async function openClient(protocol: Protocol, options: ClientOptions): Promise<Client> {
  const client = protocol === 'grpc' ? new GrpcClient(options) : new HttpClient(options);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => (timer = setTimeout(() => reject(new Error(`nothing answers on port ${options.port}`)), options.connectMs ?? CONNECT_MS)));
  try {
    await Promise.race([client.ready, late]);
    return client;
  } catch (cause) {
    client.close();
    throw cause;
  } finally {
    clearTimeout(timer);
  }
}
