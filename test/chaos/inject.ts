// Makes one failure happen in a running sidecar, through its public API or through what its next life finds to do.
import { setTimeout as sleep } from 'node:timers/promises';
import { NextIdRequest } from '../../proto/gen/bulkhead/v1/sequencer.ts';
import { SubscribeTopicEventsRequestAlpha1 } from '../../proto/gen/dapr/proto/runtime/v1/pubsub.ts';
import { GrpcClient } from '../harness/grpc.ts';
import { isRunning } from '../harness/processes.ts';
import type { Sidecar } from '../harness/sidecar.ts';
import { clockMs } from './clock.ts';
import { FAULTY, type Cluster } from './cluster.ts';
import { ask, type FailureName } from './failures.ts';
import type { BlockName } from './lanes.ts';
import type { FailureRow } from './plan.ts';

export interface Answered {
  readonly status: number;
  readonly body: string;
}

/** How long the call that asks for a failure may take; it may never be answered. */
const ASK_MS = 30_000;

/** Asks a block's fault component for a failure. @param word it happens once, though the call may be repeated */
export async function provoke(sidecar: Sidecar, block: BlockName, failure: FailureName, { argument = '', word = '', component = FAULTY[block] as string, timeoutMs = ASK_MS } = {}): Promise<Answered> {
  const text = ask(failure, argument, word);
  const [method, path, body] = requestTo(block, component, text);
  const { status, body: answer } = await sidecar.client.send(method, path, { body, timeoutMs, headers: { 'Content-Type': 'application/json' } });
  return { status, body: answer };
}

function requestTo(block: BlockName, component: string, text: string): readonly [method: string, path: string, body: string] {
  const encoded = encodeURIComponent(text);
  switch (block) {
    case 'state': return ['POST', `/v1.0/state/${component}`, JSON.stringify([{ key: text, value: 1 }])];
    case 'pubsub': return ['POST', `/v1.0/publish/${component}/${encoded}`, '{}'];
    case 'config': return ['GET', `/v1.0/configuration/${component}?key=${encoded}`, ''];
    case 'lock': return ['POST', `/v1.0-alpha1/lock/${component}`, JSON.stringify({ resourceId: text, lockOwner: 'chaos', expiryInSeconds: 5 })];
    case 'sequencer': return ['POST', `/v1.0-bulkhead/sequencer/${component}/${encoded}`, '{"increment":"STRONG"}'];
  }
}

/** Does what a row says. Resolves with the moment at which it began. */
export async function inject({ sidecar, control }: Cluster, { does, name }: FailureRow, block: BlockName, word: string): Promise<number> {
  if ('life' in does) {
    control.nextLife(block, does.life);
    return killNow(sidecar, block);
  }
  const beganMs = clockMs();
  const { failure, argument = '' } = does;
  provoke(sidecar, block, failure, { argument, word }).catch(() => undefined); // nobody has to answer it
  if (name === 'stream-deaf') writeToDeaf(sidecar, block).catch(() => undefined); // it ends as it may
  return beganMs;
}

/** SIGKILL. Resolves with the moment at which it was sent, when the process is gone. @param name of a compartment */
export async function killNow(sidecar: Sidecar, name: string): Promise<number> {
  const pid = await sidecar.pidOf(name);
  if (!(pid > 0)) throw new Error(`the ${name} block has no process`);
  const beganMs = clockMs();
  process.kill(pid, 'SIGKILL');
  while (isRunning(pid)) await sleep(0);
  return beganMs;
}

/** Sends a stream of which the block will take no more than it has granted, 16 MiB altogether, and reads nothing. */
async function writeToDeaf(sidecar: Sidecar, block: BlockName): Promise<void> {
  if (block !== 'sequencer' && block !== 'pubsub') return; // the others have no stream that an application writes to
  await sleep(100); // it is deaf by then
  using grpc = new GrpcClient(sidecar.grpcAddress);
  const [path, message] = block === 'sequencer'
    ? ['/bulkhead.v1.Sequencer/NextIds', NextIdRequest.encode({ storeName: FAULTY.sequencer, key: 'k'.repeat(512), increment: 0, count: 1, metadata: new Map() }).finish()] as const
    : ['/dapr.proto.runtime.v1.Dapr/SubscribeTopicEventsAlpha1', SubscribeTopicEventsRequestAlpha1.encode({ subscribeTopicEventsRequestType: { $case: 'initialRequest', value: { pubsubName: FAULTY.pubsub, topic: 'nothing', metadata: new Map() } } }).finish()] as const;
  const stream = grpc.duplex(path, { deadlineMs: 3_000 });
  stream.on('error', () => {});
  stream.on('status', () => {});
  stream.pause();
  for (let sent = 0; sent < 16 * 1024 * 1024; sent += message.length) stream.write(message);
  await sleep(2_000);
  stream.cancel();
}
