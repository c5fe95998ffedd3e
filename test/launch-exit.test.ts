// How a life ends, in each mode that can end without its kernel: every way is an end that says why, and never more than that.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { codeReason, processExit, type ProcessEnd } from '../kernel/launch-exit.ts';
import { DEFAULT_LIMITS } from '../kernel/limits.ts';
import { eventually } from './harness/awaiting.ts';
import { Launched } from './harness/launched.ts';

const MI = 2 ** 20;
const FILL_HEAP = 'const all = []; for (;;) all.push(new Array(1000).fill(all.length));';

const strays: unknown[] = [];
const stray = (cause: unknown): void => void strays.push(cause);
beforeEach(() => {
  process.on('uncaughtException', stray);
  process.on('unhandledRejection', stray);
});
afterEach(() => {
  process.off('uncaughtException', stray);
  process.off('unhandledRejection', stray);
  expect(strays.splice(0)).toEqual([]);
});

describe.each(['thread', 'process'] as const)('a life in a %s', (mode) => {
  it.each([
    ['an exception that nobody catches', 'throw new TypeError("boom");', 'TypeError: boom'],
    ['a rejection that nobody handles', 'Promise.reject(new Error("refused"));', 'Error: refused'],
    ['something thrown that is no error', 'process.nextTick(() => { throw "just a text"; });', 'just a text'],
    ['something thrown that can\'t be shown', 'process.nextTick(() => { throw { toString() { throw 1; } }; });', 'something that can\'t be shown'],
  ])('ends by %s, with its last words', async (_what, code, message) => {
    const launched = new Launched(mode, { code });
    const { reason, code: exitCode, heap, lines } = await launched.end();
    expect({ reason, exitCode, heap }).toEqual({ reason: `exit code 1: ${message}`, exitCode: 1, heap: false });
    expect(launched.life.channel.peer?.blackBox.lastWords).toContain(message);
    expect(lines.filter((line) => line.includes('level=error'))).toEqual([expect.stringContaining(message)]);
  });

  it('ends by process.exit, with its code', async () => {
    expect(await new Launched(mode, { code: 'process.exit(7);' }).end()).toMatchObject({ reason: 'exit code 7', code: 7, heap: false, said: '' });
    expect(await new Launched(mode, { early: 'process.exit(0);' }).end()).toMatchObject({ reason: 'exit code 0', code: 0 });
  });

  it('ends once, whatever else fails on its way out', async () => {
    const { reason } = await new Launched(mode, { code: 'process.on("exit", () => { throw new Error("late"); }); Promise.reject(new Error("later")); throw new Error("first");' }).end();
    expect(reason).toMatch(/^exit code 1: Error: (first|later)$/);
  });

  it('ends when its heap reaches its limit, and says which', async () => {
    const exit = await new Launched(mode, { code: FILL_HEAP, limits: { heapBytes: 48 * MI } }).end();
    expect(exit).toMatchObject({ heap: true, reason: 'its heap reached its limit of 48 MiB: raise it with --block-heap=state=...' });
    if (mode === 'process') expect(exit).toMatchObject({ signal: 'SIGABRT', said: expect.stringContaining('heap out of memory') });
  });

  it('ends by kill, also in an endless loop', async () => {
    const launched = new Launched(mode, { code: 'console.error("looping"); for (;;);' });
    await eventually('it loops', () => launched.lines.some((line) => line.includes('looping')));
    const { reason, signal } = await launched.kill();
    expect({ reason, signal }).toEqual(mode === 'thread' ? { reason: 'it was terminated', signal: undefined } : { reason: 'signal SIGKILL', signal: 'SIGKILL' });
    launched.life.kill(); // once more is nothing
  });

  it('ends by kill before it has begun', async () => {
    const { reason } = await new Launched(mode).kill();
    expect(reason).toBe(mode === 'thread' ? 'it was terminated' : 'signal SIGKILL');
  });

  it('ends in order when its channel is closed', async () => {
    const launched = new Launched(mode, { early: 'console.error("before anything else");', code: 'process.stdout.write("736572", "hex"); console.log("ving");' });
    await eventually('it serves', () => launched.lines.some((line) => line.includes('serving')));
    launched.life.channel.close();
    expect(await launched.end()).toMatchObject({ reason: mode === 'thread' ? 'it was closed' : 'exit code 0', code: 0, heap: false, said: mode === 'thread' ? '' : 'before anything else' });
  });

  it('ends with what it said when its code can\'t be loaded', async () => {
    const exit = await new Launched(mode, { early: 'throw new RangeError("no such thing");' }).end();
    expect(exit).toMatchObject({ code: 1, reason: 'exit code 1: RangeError: no such thing', said: expect.stringContaining('no such thing') });
  });

  it('ends when there is no such block', async () => {
    const { reason } = await new Launched(mode, { block: 'stat' }).end();
    expect(reason).toContain('there is no block stat; the blocks are state, ');
  });
});

describe('a life that can\'t begin', () => {
  it('ends with the reason, where no thread can be made', async () => {
    expect((await new Launched('thread', { flags: ['--expose-gc'] }).end()).reason).toMatch(/^it could not be started: .*--expose-gc/);
  });

  it('ends with the reason, where no process can be made', async () => {
    const { execPath } = process;
    process.execPath = '/nowhere/node';
    const launched = new Launched('process');
    process.execPath = execPath;
    launched.life.kill();
    expect(launched.life.pid).toBeUndefined();
    expect((await launched.end()).reason).toBe('it could not be started: spawn /nowhere/node ENOENT');
  });
});

describe('a process', () => {
  it('that crashes in native code says so', async () => {
    expect(await new Launched('process', { code: 'process.abort();' }).end()).toMatchObject({ signal: 'SIGABRT', heap: false, reason: 'signal SIGABRT: it crashed in native code' });
    expect(await new Launched('process', { code: 'process.kill(process.pid, "SIGSEGV");' }).end()).toMatchObject({ signal: 'SIGSEGV', reason: 'signal SIGSEGV: it crashed in native code' });
  });

  it('that somebody else kills says so', async () => {
    const launched = new Launched('process', { code: 'process.kill(process.pid, "SIGKILL");' });
    expect(await launched.end()).toMatchObject({ signal: 'SIGKILL', reason: 'signal SIGKILL: killed from outside, perhaps for memory' });
  });
});

describe('the reason of a process\' end', () => {
  const end: ProcessEnd = { block: 'state', limits: DEFAULT_LIMITS, code: null, signal: 'SIGKILL', killed: false, outOfMemory: false, lastWords: '', said: '' };

  it('names what the system did', () => {
    expect(processExit({ ...end, outOfMemory: true }).reason).toBe('signal SIGKILL: it used all the memory of its control group; raise it with --block-memory=state=...');
    expect(processExit({ ...end, outOfMemory: true, killed: true }).reason).toBe('signal SIGKILL');
    expect(processExit({ ...end, signal: 'SIGTERM' }).reason).toBe('signal SIGTERM');
  });

  it('is one line, and not a long one', () => {
    expect(codeReason(1, `Error: a\n  at b`)).toBe('exit code 1: Error: a');
    expect(codeReason(1, 'x'.repeat(10_000)).length).toBeLessThan(400);
    expect(processExit({ ...end, signal: null, code: 1, said: 'node:internal:1\n  throw x\n\nTypeError [ERR_X]: bad\n    at y' }).reason).toBe('exit code 1: TypeError [ERR_X]: bad');
  });

  it('knows an overflow of the heap by what V8 says of it', () => {
    for (const said of ['FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory', 'FATAL ERROR: Ineffective mark-compacts near heap limit Allocation failed - JavaScript heap out of memory']) {
      expect(processExit({ ...end, signal: 'SIGABRT', said: `x\n${said}\n----- Native stack trace -----` })).toMatchObject({ heap: true });
    }
  });
});
