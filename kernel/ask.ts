// Calls of the kernel's own to a block: init, pause, close and their like.
import type { Calls } from '../ipc/calls.ts';
import { EMPTY, Flag } from '../ipc/frame.ts';

/**
 * Resolves with the answer's head.
 * @param deadlineMs a duration; 0 for none.
 * @param signal gives the call up.
 * @throws Error with what the block, or the channel, says
 */
export function ask(calls: Calls, method: number, head: unknown, deadlineMs: number, signal?: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => {
      calls.cancel(id);
      reject(new Error('it was given up'));
    };
    const id = calls.open(method, 0, head, EMPTY, deadlineMs, {
      onEnd: (_code, flags, answer) => {
        signal?.removeEventListener('abort', giveUp);
        if ((flags & Flag.FAILED) === 0) resolve(answer);
        else reject(new Error((answer as { message: string }).message));
      },
    });
    signal?.addEventListener('abort', giveUp, { once: true });
  });
}
