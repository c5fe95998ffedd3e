// Messages under suspicion of having ended the block: an earlier life was working on them when it died.
import { createHash } from 'node:crypto';
import type { IncomingMessage } from '../broker.ts';

/** What the kernel knows a message by. */
export function messageKey(component: string, topic: string, { id }: IncomingMessage): string {
  return `${component}|${topic}|${id}`;
}

/** For the log: enough to find the message at its broker without showing it. */
export function describePoison(topic: string, { id, data }: IncomingMessage, deaths: number): string {
  const digest = createHash('sha256').update(data).digest('hex').slice(0, 16);
  return `message ${id} of topic ${topic} was being worked on when this block died, ${deaths} times: it is put away (${data.length} bytes, sha256 ${digest}...)`;
}
