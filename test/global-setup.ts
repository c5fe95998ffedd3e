// Runs once before all tests: sees to the servers that suites need, and tells the suites what there is.
import type { TestProject } from 'vitest/node';
import { installForeignClients } from './servers/grpc-clients.ts';
import { installH2spec } from './servers/h2spec.ts';
import { installEtcd, installNghttp2, installPodman, installRedis, type Availability } from './servers/install.ts';
import { installKafka } from './servers/kafka-install.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    redis: Availability;
    kafka: Availability;
    etcd: Availability;
    /** Of its clients `nghttp` and `h2load`. */
    nghttp2: Availability;
    podman: Availability;
    /** Where the gRPC clients of other languages are told of, once they are built. */
    foreignClients: string;
  }
}

export default async function setup(project: TestProject): Promise<() => void> {
  const [redis, kafka, etcd, nghttp2, podman] = await Promise.all([installRedis(), installKafka(), installEtcd(), installNghttp2(), installPodman()]);
  project.provide('redis', redis);
  project.provide('kafka', kafka);
  project.provide('etcd', etcd);
  project.provide('nghttp2', nghttp2);
  project.provide('podman', podman);
  // Built while other suites run: the one that needs it waits for it, and says it when it is not to be had.
  const building = new AbortController();
  void installH2spec(building.signal);
  project.provide('foreignClients', installForeignClients(building.signal));
  return () => building.abort();
}
