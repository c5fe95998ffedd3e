// The benchmark's side of a generator: a process of its own, so that neither its work nor its memory is the benchmark's.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { LoadSpec, Report } from './window.ts';

export interface Generator<Spec extends LoadSpec> {
  /** One window. One at a time. */
  run(spec: Spec): Promise<Report>;
  stop(): void;
}

export function startGenerator<Spec extends LoadSpec>(protocol: 'http' | 'grpc' | 'redis'): Generator<Spec> {
  const child = fork(join(import.meta.dirname, `${protocol}.ts`), { execArgv: [] });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the ${protocol} generator ended with exit code ${code}`);
  });
  ended.catch(() => {}); // it is the next window's failure
  return {
    run: async (spec) => {
      child.send(spec);
      const [report] = (await Promise.race([once(child, 'message'), ended])) as [Report];
      return report;
    },
    stop: () => void child.kill(),
  };
}
