// What a fresh sidecar needs before it can be measured: the values that are read, and a subscription that stands.
import { valueOf } from '../calls.ts';
import { payloadOf, untilDelivered } from '../deliveries.ts';
import type { Server } from '../place.ts';
import type { Running } from './launch.ts';
import { keyOf, keysOf, PUBSUB, STATE, topicOf, type Mode } from './names.ts';

/** The application that gets the messages. */
export interface App {
  readonly server: Server;
  /** Where it tells of them. */
  readonly reportPort: number;
}

const PROBE_BYTES = 100;

/** @throws Error when the sidecar refuses, or delivers nothing */
export async function prepare({ mode, sidecar: { port } }: Running, sizes: readonly number[], { reportPort }: App): Promise<void> {
  for (const bytes of sizes) {
    for (let i = 0; i < keysOf(bytes); i++) await post(mode, port, `/v1.0/state/${STATE}`, `[{"key":"${keyOf(bytes, i)}","value":${valueOf(bytes)}}]`);
  }
  await untilDelivered(reportPort, () => post(mode, port, `/v1.0/publish/${PUBSUB}/${topicOf(mode)}`, payloadOf(PROBE_BYTES)));
}

async function post(mode: Mode, port: number, path: string, body: string): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers: { 'content-type': 'application/json', connection: 'close' }, body });
  if (answer.status !== 204) throw new Error(`${mode} answered POST ${path} with ${answer.status} ${await answer.text()}`);
}
