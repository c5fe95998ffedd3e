// The floor under publishing to Redis: the same command by a client in this very process, one promise for each message.
import { Redis } from 'ioredis';
import { serveWindows, type LoadSpec } from './window.ts';

export interface RedisPublishSpec extends LoadSpec {
  readonly topic: string;
  readonly payload: string;
  /** ioredis' automatic pipelines, which are off by default: all commands of a turn in one write. */
  readonly pipelining: boolean;
}

serveWindows<RedisPublishSpec>(({ port, connections, streams, topic, payload, pipelining }, recorder) => {
  const redis = new Redis({ host: '127.0.0.1', port, enableAutoPipelining: pipelining });
  const data = Buffer.from(payload);
  let closed = false;
  const loops = Array.from({ length: connections * streams }, async () => {
    let sentAt = performance.now();
    while (!closed) {
      await redis.xadd(topic, '*', 'data', data);
      const now = performance.now();
      recorder.answered(now - sentAt);
      sentAt = now;
    }
  });
  return {
    close: async () => {
      closed = true;
      await Promise.all(loops);
      redis.disconnect();
    },
  };
});
