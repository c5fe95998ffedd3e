// A process under Node's inspector: a profile of its processor time, or its memory without what nobody refers to any more.
import type { Profiler } from 'node:inspector';
import { setTimeout as sleep } from 'node:timers/promises';

/** Where Node's inspector listens when a signal starts it and no flag says otherwise. */
export const USUAL_PORT = 9229;

export interface Inspector {
  profile(sampleUs: number): Promise<{ stop(): Promise<Profiler.Profile> }>;
  /** Bytes of the JavaScript heap that are in use once garbage is collected. */
  collect(): Promise<number>;
  close(): void;
}

/** @param port what `--inspect-port` told the process, or the usual one */
export async function inspect(name: string, pid: number, port: number): Promise<Inspector> {
  process.kill(pid, 'SIGUSR1');
  const socket = new WebSocket(await inspectorUrl(port));
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve);
    socket.addEventListener('error', () => reject(new Error(`${name}: no inspector on port ${port}`)));
  });
  let id = 0;
  const ask = (method: string, params: object = {}): Promise<unknown> => new Promise((resolve) => {
    const asked = ++id;
    const hear = ({ data }: MessageEvent): void => {
      const answer = JSON.parse(String(data)) as { id?: number; result?: unknown };
      if (answer.id !== asked) return;
      socket.removeEventListener('message', hear);
      resolve(answer.result);
    };
    socket.addEventListener('message', hear);
    socket.send(JSON.stringify({ id: asked, method, params }));
  });
  return {
    profile: async (sampleUs) => {
      await ask('Profiler.enable');
      await ask('Profiler.setSamplingInterval', { interval: sampleUs });
      await ask('Profiler.start');
      return { stop: async () => ((await ask('Profiler.stop')) as { profile: Profiler.Profile }).profile };
    },
    collect: async () => {
      await ask('HeapProfiler.collectGarbage');
      return ((await ask('Runtime.getHeapUsage')) as { usedSize: number }).usedSize;
    },
    close: () => socket.close(),
  };
}

async function inspectorUrl(port: number): Promise<string> {
  for (let tries = 0; tries < 50; tries++) {
    try {
      const [target] = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as { webSocketDebuggerUrl: string }[];
      if (target !== undefined) return target.webSocketDebuggerUrl;
    } catch {
      await sleep(50); // it opens a moment after the signal
    }
  }
  throw new Error(`no inspector on port ${port}`);
}
