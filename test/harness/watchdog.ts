// Kills a process that outlives its test: even when the test's own process dies by SIGKILL.
import { spawn } from 'node:child_process';

/** The shell holds our pipe: when we are gone, `read` ends and so does the watched process. Calling the result ends the watch. */
export function watch(pid: number): () => void {
  const shell = spawn('sh', ['-c', 'read released; test "$released" = yes || kill -9 "$0" 2>/dev/null', String(pid)], { stdio: ['pipe', 'ignore', 'ignore'] });
  shell.unref();
  shell.stdin.on('error', () => {}); // the shell has gone first
  const kill = (): void => {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it has ended already
    }
  };
  process.once('exit', kill);
  return () => {
    process.off('exit', kill);
    shell.stdin.end('yes\n');
  };
}
