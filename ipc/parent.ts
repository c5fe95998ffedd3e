// A child that must not outlive its parent, however the parent ends and whatever the child is doing then: one whose event loop
// hangs would not notice by itself.
import { loadLibc } from './libc.ts';

// linux/prctl.h, signal.h
const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

/** From now on the system kills this process when the thread that started it is gone. Where it can't, nothing happens. */
export function dieWithParent(): void {
  try {
    loadLibc().prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  } catch {
    return; // no Linux, or no library: the end of the channel is all there is to notice
  }
}
