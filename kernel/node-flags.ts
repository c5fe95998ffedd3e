// Which of the flags that Node was started with for the kernel are for its blocks' processes, too: what loads code before the
// program and what tunes V8 is; what is about this one process, or would show it secrets, is not.

const EVALUATION = String.raw`-e|--eval|-p|--print|-pe|--input-type|--run|-c|--check|-i|--interactive|--build-s.*|--experimental-sea-config`;
const DEBUGGING = String.raw`--inspect.*|--debug-port|--watch.*|--test.*|--experimental-test.*|--cpu-prof.*|--heap-prof.*|--heapsnapshot-.*|--report-.*|--diagnostic-dir|--title`;
/** A file of variables: what is in it is the kernel's. */
const ENVIRONMENT = String.raw`--env-file.*`;
const NOT_PASSED = new RegExp(`^(${EVALUATION}|${DEBUGGING}|${ENVIRONMENT})$`);

/** @param flags `process.execArgv`: flags and their values, and nothing else. */
export function flagsForBlocks(flags: readonly string[]): string[] {
  const passed: string[] = [];
  let passing = true;
  for (const flag of flags) {
    // What begins with no dash is the value of what came before.
    if (flag.startsWith('-')) passing = !NOT_PASSED.test(flag.split('=', 1)[0] as string);
    if (passing) passed.push(flag);
  }
  return passed;
}
