// The floor under every row with Redis: the same read by a client in this very process, nothing in between.
import { Redis } from 'ioredis';
import { serveWindows, type LoadSpec } from './window.ts';

export interface RedisSpec extends LoadSpec {
  /** Hashes with the fields `data` and `version`. */
  readonly keys: readonly string[];
  readonly pipelining: boolean;
}

serveWindows<RedisSpec>(async (spec, recorder) => {
  const redis = new Redis({ host: '127.0.0.1', port: spec.port, enableAutoPipelining: spec.pipelining });
  let closed = false;
  const loops = Array.from({ length: spec.connections * spec.streams }, async (_, i) => {
    const key = spec.keys[i % spec.keys.length] as string;
    let sentAt = performance.now();
    while (!closed) {
      const [data] = await redis.hmgetBuffer(key, 'data', 'version');
      const now = performance.now();
      if (data === null || data === undefined) recorder.failed(`${key} is not there`);
      else recorder.answered(now - sentAt);
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
