// Prints what failed in the last test run with CI=true, shortly: who sees only the end of a long log sees this.
import { readFileSync } from 'node:fs';

/** Where vitest.config.ts has the results written. */
const RESULTS = 'test-results/vitest.json';
const SHOWN_LINES = 12;

interface Results {
  readonly numTotalTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string; readonly failureMessages: readonly string[] }[];
  }[];
}

const indented = (text: string): string => text.split('\n').slice(0, SHOWN_LINES).map((line) => `    ${line}\n`).join('');

let results: Results;
try {
  results = JSON.parse(readFileSync(RESULTS, 'utf8')) as Results;
} catch (cause) {
  process.stdout.write(`no results of the tests: ${String(cause)}\n`);
  process.exit(0);
}
process.stdout.write(`${results.numFailedTests} of ${results.numTotalTests} tests failed\n`);
for (const file of results.testResults) {
  const failed = file.assertionResults.filter(({ status }) => status === 'failed');
  if (failed.length === 0 && file.status === 'failed') process.stdout.write(`  ${file.name}\n${indented(file.message)}`);
  for (const test of failed) process.stdout.write(`  ${file.name}: ${test.fullName}\n${indented(test.failureMessages.join('\n'))}`);
}
