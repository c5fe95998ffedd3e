// How the tests run: few processes, because many of them start real servers.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/global-setup.ts'],
    pool: 'forks', // a leaked handle or a changed environment stays in its own process
    maxWorkers: 4, // most of their time tests wait for somebody
    // tools/failed-tests.ts reads the file.
    reporters: process.env['CI'] === undefined ? ['default'] : ['default', ['json', { outputFile: 'test-results/vitest.json' }]],
    testTimeout: 15_000,
    hookTimeout: 60_000,
  },
});
