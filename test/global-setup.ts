// Runs once before all tests: sees to the servers that suites need, and tells the suites what there is.
import type { TestProject } from 'vitest/node';
import { installH2spec } from './servers/h2spec.ts';
import { installEtcd, installNghttp2, installRedis, type Availability } from './servers/install.ts';
import { installKafka } from './servers/kafka-install.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    redis: Availability;
    kafka: Availability;
    etcd: Availability;
  }
}

export default async function setup(project: TestProject): Promise<() => void> {
  const [redis, kafka, etcd] = await Promise.all([installRedis(), installKafka(), installEtcd()]);
  project.provide('redis', redis);
  project.provide('kafka', kafka);
  project.provide('etcd', etcd);
  // What few suites need is got while the others run; those that need it wait, and say it when it is not to be had.
  const inBackground = new AbortController();
  void Promise.all([installH2spec(inBackground.signal), installNghttp2()]);
  return () => inBackground.abort();
}
