// The benchmark's side of a generator: a process of its own, so that neither its work nor its memory is the benchmark's.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Report } from './window.ts';

export interface Generator<Spec extends object, Answer = Report> {
  /** One window. One at a time. */
  run(spec: Spec): Promise<Answer>;
  stop(): void;
}

/** The files of this folder that are programs. */
export type Kind = 'http' | 'grpc' | 'redis' | 'post' | 'redis-publish' | 'kafka-publish' | 'delivery' | 'coordination-direct' | 'redis-delivery' | 'kafka-delivery' | 'operation' | 'steady';

export function startGenerator<Spec extends object, Answer = Report>(kind: Kind): Generator<Spec, Answer> {
  const child = fork(join(import.meta.dirname, `${kind}.ts`), { execArgv: ['--disable-warning=TimeoutNegativeWarning'] }); // kafkajs counts so
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the ${kind} generator ended with exit code ${code}`);
  });
  ended.catch(() => {}); // it is the next window's failure
  return {
    run: async (spec) => {
      child.send(spec);
      const [report] = (await Promise.race([once(child, 'message'), ended])) as [Answer];
      return report;
    },
    stop: () => void child.kill(),
  };
}
