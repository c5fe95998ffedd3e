// After a test run with CI=true that failed in few files: runs those files once more, alone, and tells which tests the crowd had cost.
// Thousands of tests with real servers share a few cores; one that fails beside the others and passes alone says something of the machine,
// one that fails twice says something of the code. More than a few files are never put down to the machine.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { relative } from 'node:path';

/** Where vitest.config.ts has the results written. */
const RESULTS = 'test-results/vitest.json';
/** Where those of the first run stay. */
const FIRST = 'test-results/vitest.first.json';
const MOST_FILES = 4;

interface Results {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

if (!existsSync(RESULTS)) process.exit(1); // it did not end, or did not begin
const { testResults } = JSON.parse(readFileSync(RESULTS, 'utf8')) as Results;
const failed = testResults.filter(({ status }) => status !== 'passed');
if (failed.length === 0 || failed.length > MOST_FILES) process.exit(1); // nothing to repeat: an error outside of all tests; or too much

const files = failed.map(({ name }) => relative(process.cwd(), name));
process.stdout.write(`\nOnce more, alone: ${files.join(', ')}\n`);
renameSync(RESULTS, FIRST);
const { status } = spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--maxWorkers=1', ...files], { stdio: 'inherit' });
if (status !== 0) process.exit(1);
process.stdout.write('\nFLAKY, failed beside the other tests and passed alone:\n');
for (const { name, assertionResults } of failed) {
  const tests = assertionResults.filter((test) => test.status === 'failed').map(({ fullName }) => fullName);
  for (const test of tests.length === 0 ? ['the file as a whole'] : tests) process.stdout.write(`  ${relative(process.cwd(), name)}: ${test}\n`);
}
