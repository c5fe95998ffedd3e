// How the tests run: few processes, because many of them start real servers.
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Files that take long, by what waits in them and not by their size, which is what an order without earlier results goes by: begun last,
 * they would keep one process busy while the others have nothing left.
 */
const LONG = /\/(fault-(pubsub|block|poison|config|campaign|linearizable|containment)|reload-lives|supervision|lifecycle|app-lifecycle|lock-sidecar|lock-etcd|state-etcd|etcd-trouble|config-(etcd|drivers)|(coordination|pubsub)-conformance|pubsub-(kafka|redis-cluster)|channels|ring-processes|sdk-js|containers-podman|api-(delivery|sidecar|subscribe)|gateways|remote-(faults|servers|tenants|blocks)|deploy-readme)[^/]*$/;

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => Number(LONG.test(b.moduleId)) - Number(LONG.test(a.moduleId)));
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/global-setup.ts'],
    sequence: { sequencer: LongFirst },
    // Programs that tests start are stripped of their types once, not each time.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, 'node_modules', '.cache', 'bulkhead', 'compiled') },
    pool: 'forks', // a leaked handle or a changed environment stays in its own process
    maxWorkers: 3, // tests wait most of their time, but beside more of them than this a second is no second any more
    // tools/failed-tests.ts reads the file.
    reporters: process.env['CI'] === undefined ? ['default'] : ['default', ['json', { outputFile: 'test-results/vitest.json' }]],
    testTimeout: 15_000,
    hookTimeout: 60_000,
  },
});
