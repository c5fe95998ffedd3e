// Runs once before all tests: sees to the servers that suites need, and tells the suites what there is.
import type { TestProject } from 'vitest/node';
import { installEtcd, installRedis, type Availability } from './servers/install.ts';
import { installKafka } from './servers/kafka-install.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    redis: Availability;
    kafka: Availability;
    etcd: Availability;
  }
}

export default async function setup(project: TestProject): Promise<void> {
  const [redis, kafka, etcd] = await Promise.all([installRedis(), installKafka(), installEtcd()]);
  project.provide('redis', redis);
  project.provide('kafka', kafka);
  project.provide('etcd', etcd);
}
