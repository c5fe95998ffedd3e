// Configuration, locks and ids without a sidecar: what somebody would write with ioredis alone, in this very process.
import { Redis } from 'ioredis';
import { directLock } from '../coordination-calls.ts';
import { serveWindows, type LoadSpec } from './window.ts';

export interface DirectSpec extends LoadSpec {
  readonly operation: 'get' | 'get-many' | 'lock' | 'next-id';
  readonly keys: readonly string[];
  readonly pipelining: boolean;
}

const UNLOCK = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

/** One caller's calls, one after the other; each resolves with whether the answer was right. */
function callerOf(redis: Redis, { operation, keys }: DirectSpec, i: number): () => Promise<boolean> {
  switch (operation) {
    case 'get': {
      const key = keys[i % keys.length] as string;
      return async () => (await redis.get(key))?.split('||').length === 2;
    }
    case 'get-many':
      return async () => (await Promise.all(keys.map((key) => redis.get(key)))).every((text) => text?.split('||').length === 2);
    case 'lock': {
      const key = directLock(i);
      let held = false;
      return async () => {
        held = !held;
        return held ? (await redis.set(key, 'me', 'EX', 60, 'NX')) === 'OK' : (await redis.eval(UNLOCK, 1, key, 'me')) === 1;
      };
    }
    case 'next-id':
      return async () => (await redis.incr('direct-ids')) > 0;
  }
}

serveWindows<DirectSpec>(async (spec, recorder) => {
  const redis = new Redis({ host: '127.0.0.1', port: spec.port, enableAutoPipelining: spec.pipelining });
  if (spec.operation === 'lock') await redis.del(...Array.from({ length: spec.streams }, (_, i) => directLock(i)));
  let closed = false;
  const loops = Array.from({ length: spec.streams }, async (_, i) => {
    const call = callerOf(redis, spec, i);
    let sentAt = performance.now();
    while (!closed) {
      const right = await call();
      const now = performance.now();
      if (right) recorder.answered(now - sentAt);
      else recorder.failed(`${spec.operation} was answered with something else`);
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
