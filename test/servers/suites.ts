// Suites that need a server: they run where it is there, and say loudly that they don't where it isn't.
import { describe, inject } from 'vitest';

/** As `describe`, skipped with one line on the terminal when redis-server is not installed. */
export function describeWithRedis(name: string, suite: () => void): void {
  const redis = inject('redis');
  if (!redis.available) process.stderr.write(`SKIPPED: "${name}": ${redis.reason}\n`);
  describe.skipIf(!redis.available)(name, suite);
}

/** As `describe`, skipped with one line on the terminal where no Kafka broker can be started. */
export function describeWithKafka(name: string, suite: () => void): void {
  const kafka = inject('kafka');
  if (!kafka.available) process.stderr.write(`SKIPPED: "${name}": ${kafka.reason}\n`);
  describe.skipIf(!kafka.available)(name, suite);
}

/** As `describe`, skipped with one line on the terminal when etcd is not installed. */
export function describeWithEtcd(name: string, suite: () => void): void {
  const etcd = inject('etcd');
  if (!etcd.available) process.stderr.write(`SKIPPED: "${name}": ${etcd.reason}\n`);
  describe.skipIf(!etcd.available)(name, suite);
}
