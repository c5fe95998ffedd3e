// What a life may have, whatever it does: descriptors, memory, nothing of the kernel's environment; and that nothing is left of it.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cgroupProblem, ControlGroups, type GroupFiles } from '../kernel/cgroup.ts';
import { DEFAULT_LIMITS } from '../kernel/limits.ts';
import { flagsForBlocks } from '../kernel/node-flags.ts';
import { eventually } from './harness/awaiting.ts';
import { Launched } from './harness/launched.ts';
import { descriptorsOf } from './harness/processes.ts';
import { startSidecar } from './harness/sidecar.ts';

const MI = 2 ** 20;
const SAY = 'const say = (what) => console.log(JSON.stringify(what));';

/** The first of its lines that the code said. */
async function said<T>(launched: Launched): Promise<T> {
  const line = await eventually('it says something', () => launched.lines.find((each) => each.includes('msg="{')));
  const text = /msg=("(?:[^"\\]|\\.)*")/.exec(line ?? '')?.[1] ?? '""';
  return JSON.parse(JSON.parse(text) as string) as T;
}

describe('a block\'s process', () => {
  it('has the descriptors that it may have, and goes on when they are used up', async () => {
    const launched = new Launched('process', { limits: { openFiles: 64 }, code: `${SAY} const fs = process.getBuiltinModule('node:fs'); let count = 0; try { for (;;) { fs.openSync('/dev/null'); count++; } } catch (cause) { say({ code: cause.code, count }); }` });
    const { code, count } = await said<{ code: string; count: number }>(launched);
    expect(code).toBe('EMFILE');
    expect(count).toBeLessThan(64);
    const limits = readFileSync(`/proc/${launched.life.pid}/limits`, 'utf8');
    expect(limits).toMatch(/^Max open files +64 +64 /m);
    expect(limits).toMatch(/^Max core file size +0 +0 /m);
    launched.life.channel.close();
    expect(await launched.end()).toMatchObject({ code: 0 });
  });

  it('has the system\'s limit of descriptors and V8\'s of memory where there is none of ours', async () => {
    const launched = new Launched('process', { limits: { openFiles: 0, heapBytes: 0 }, code: `${SAY} say({ flags: process.execArgv.filter((flag) => flag.startsWith('--max')) });` });
    expect(await said(launched)).toEqual({ flags: [] });
    const ofOurs = /^Max open files +\d+ +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    expect(readFileSync(`/proc/${launched.life.pid}/limits`, 'utf8')).toMatch(new RegExp(`^Max open files +\\d+ +${ofOurs} `, 'm'));
    await launched.kill();
  });

  it('says which control group it has, or why it has none', async () => {
    const launched = new Launched('process');
    const problem = cgroupProblem();
    if (problem === undefined) expect(launched.life.cgroup).toMatch(/^bulkhead-\d+-state-\d+$/);
    else expect(launched.life.cgroup).toBe(`none: ${problem}`);
    await launched.kill();
  });
});

describe('a block\'s thread', () => {
  it('has nothing of the kernel\'s but its process', async () => {
    process.env['BULKHEAD_TEST_SECRET'] = 'a secret';
    const launched = new Launched('thread', { code: `${SAY} const { stdin } = process; stdin.on('data', () => {}).on('end', () => say({ env: Object.keys(process.env).toSorted(), argv: process.argv.slice(2), stdin: 'closed', signals: ['SIGINT', 'SIGTERM'].map((name) => process.listenerCount(name)) })).resume(); stdin.push?.(null);` });
    delete process.env['BULKHEAD_TEST_SECRET'];
    expect(await said(launched)).toEqual({ env: ['NODE_COMPILE_CACHE', 'NODE_COMPILE_CACHE_PORTABLE'], argv: [], stdin: 'closed', signals: [0, 0] });
    expect(launched.life).toMatchObject({ pid: undefined, transport: 'ring' });
    expect(launched.life.cgroup).toBeUndefined();
    const used = await launched.life.heapUsed?.();
    expect(used).toBeGreaterThan(MI);
    expect(used).toBeLessThan(100 * MI);
    await launched.kill();
    expect(await launched.life.heapUsed?.()).toBeUndefined();
  });

  it('may call into C, and keeps its data in SQLite', async () => {
    const launched = new Launched('thread', { code: `${SAY} const koffi = process.getBuiltinModule('node:module').createRequire('${import.meta.filename}')('koffi'); say({ pid: koffi.load(null).func('int getpid()')() });` });
    expect(await said(launched)).toEqual({ pid: process.pid });
    await launched.kill();
    await using sidecar = await startSidecar({ isolation: 'thread', components: [{ name: 'sqlite', type: 'state.sqlite', metadata: { connectionString: 'state.db' } }] });
    expect((await sidecar.client.post('/v1.0/state/sqlite', '[{"key":"k","value":"v"}]')).status).toBe(204);
    expect((await sidecar.client.get('/v1.0/state/sqlite/k')).body).toBe('"v"');
    expect(sidecar.logs.matching(/^(?!time=")./)).toEqual([]);
  });

  it('loops without a look at its end in no way that V8 compiles', async () => {
    // V8 14.6 takes the look for an interrupt out of this one, unless told otherwise.
    const launched = new Launched('thread', { code: 'console.log("looping"); let n = 0; for (;;) new Array(1000).fill(n++);' });
    await eventually('it loops', () => launched.lines.some((line) => line.includes('looping')));
    await new Promise((resolve) => void setTimeout(resolve, 300)); // until it is compiled
    expect((await launched.kill()).reason).toBe('it was terminated');
  });

  it('leaves nothing behind, whichever way it ends: 100 lives', async () => {
    const tasks = () => descriptorsOf(process.pid).length + readFileSync('/proc/self/status', 'utf8').split('\n').filter((line) => line.startsWith('Threads:')).reduce((sum, line) => sum + Number(line.slice(8)), 0);
    const ports = () => process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length;
    const live = async (index: number): Promise<void> => {
      switch (index % 5) {
        case 0: return void await new Launched('thread', { early: 'process.exit(0);' }).end();
        case 1: return void await new Launched('thread', { early: 'throw new Error("no");' }).end();
        case 2: return void await new Launched('thread').kill();
        case 3: return void await new Launched('thread', { code: 'process.getBuiltinModule("node:fs").openSync("/dev/null"); throw new Error("boom");' }).end();
        default: {
          const launched = new Launched('thread');
          launched.life.channel.close();
          await launched.end();
        }
      }
    };
    for (let index = 0; index < 10; index++) await live(index);
    const before = { tasks: tasks(), ports: ports() };
    for (let batch = 0; batch < 18; batch++) await Promise.all([0, 1, 2, 3, 4].map(live));
    await eventually('threads, descriptors and ports are what they were', () => tasks() <= before.tasks && ports() <= before.ports);
  }, 60_000);
});

describe('flags of Node\'s that the kernel was started with', () => {
  it('are for blocks, too, but for those that are about one process or hold secrets', () => {
    expect(flagsForBlocks([
      '--import', './a.js', '--inspect', '--inspect-brk=9229', '--require=./b.cjs', '-e', 'code', '--no-warnings', '--env-file=.env', '--env-file-if-exists', '.env', '--watch', '--watch-path', './x',
      '--cpu-prof', '--cpu-prof-dir=/tmp', '--max-old-space-size=100', '--test', '--conditions', 'development',
    ])).toEqual(['--import', './a.js', '--require=./b.cjs', '--no-warnings', '--max-old-space-size=100', '--conditions', 'development']);
    expect(flagsForBlocks([])).toEqual([]);
  });

  it.each(['thread', 'process'] as const)('reach a block in a %s', async (isolation) => {
    const code = 'if (process.argv[1]?.includes("cli") !== true && (await import("node:worker_threads")).threadId + Number(process.argv.includes("state")) > 0) console.log("preloaded in", process.argv[2] ?? "a thread");';
    await using sidecar = await startSidecar({ isolation, components: [{ name: 'store', type: 'state.in-memory' }], nodeArgs: ['--import', `data:text/javascript,${encodeURIComponent(code)}`] });
    await sidecar.logs.match(/preloaded in (state|a thread)/);
    expect(await sidecar.block('state')).toMatchObject({ state: 'ready', restarts: 0 });
    // A thread's channel needs no call into C.
    expect(/koffi/.test(readFileSync(`/proc/${sidecar.pid}/maps`, 'latin1'))).toBe(isolation === 'process');
  });
});

/** A tree of control groups in memory, with the system's rules that matter here. */
class Tree implements GroupFiles {
  readonly groups = new Map<string, { procs: Set<string>; control: Set<string>; files: Map<string, string> }>();
  self = '0::/app\n';
  readOnly = false;

  constructor(procs: readonly string[] = ['7'], controllers = 'cpu memory pids') {
    this.#add('/sys/fs/cgroup/app', controllers);
    for (const pid of procs) this.groups.get('/sys/fs/cgroup/app')?.procs.add(pid);
  }

  #add(path: string, controllers: string): void {
    this.groups.set(path, { procs: new Set(), control: new Set(), files: new Map([['cgroup.controllers', controllers], ['memory.events', 'low 0\nhigh 0\nmax 3\noom 1\noom_kill 0\n']]) });
  }

  #of(path: string): [group: ReturnType<Tree['groups']['get']> & object, file: string] {
    const at = path.lastIndexOf('/');
    const group = this.groups.get(path.slice(0, at));
    if (group === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' });
    return [group, path.slice(at + 1)];
  }

  read(path: string): string {
    if (path === '/proc/self/cgroup') return this.self;
    const [group, file] = this.#of(path);
    if (file === 'cgroup.procs') return [...group.procs].join('\n');
    return file === 'cgroup.subtree_control' ? [...group.control].join(' ') : (group.files.get(file) ?? '');
  }

  write(path: string, text: string): void {
    const [group, file] = this.#of(path);
    if (file === 'cgroup.procs') {
      if (group.control.size > 0) throw Object.assign(new Error('EBUSY: a group with limits for its children'), { code: 'EBUSY' });
      for (const each of this.groups.values()) each.procs.delete(text);
      group.procs.add(text);
    } else if (file === 'cgroup.subtree_control') {
      if (group.procs.size > 0) throw Object.assign(new Error('EBUSY: processes'), { code: 'EBUSY' });
      for (const word of text.split(' ')) group.control[word.startsWith('+') ? 'add' : 'delete'](word.slice(1));
    } else group.files.set(file, text);
  }

  mkdir(path: string): void {
    this.#add(path, 'memory pids');
  }

  rmdir(path: string): void {
    if ((this.groups.get(path)?.procs.size ?? 0) > 0) throw Object.assign(new Error('EBUSY'), { code: 'EBUSY' });
    this.groups.delete(path);
  }

  folders(path: string): string[] {
    return [...this.groups.keys()].filter((each) => each.startsWith(`${path}/`)).map((each) => each.slice(path.length + 1)).filter((name) => !name.includes('/'));
  }

  mustBeWritable(path: string): void {
    if (this.readOnly) throw new Error(`EACCES: permission denied, access '${path}'`);
  }
}

describe('control groups', () => {
  const limits = { ...DEFAULT_LIMITS, memoryBytes: 100 * MI };
  const APP = '/sys/fs/cgroup/app';

  it('hold a block where this process rules its own, and are gone with it', async () => {
    const tree = new Tree();
    tree.mkdir(`${APP}/bulkhead-3-state-1`); // somebody's who was killed
    const groups = new ControlGroups(tree, 7);
    expect(groups.problem).toBeUndefined();
    expect(tree.read(`${APP}/bulkhead-7-kernel/cgroup.procs`)).toBe('7');
    expect([...tree.groups.keys()]).not.toContain(`${APP}/bulkhead-3-state-1`);
    const group = groups.create('state/../orders', limits);
    if (typeof group === 'string') throw new Error(group);
    expect(group.name).toBe('bulkhead-7-state_.._orders-1');
    const path = `${APP}/${group.name}`;
    expect([tree.read(`${path}/memory.max`), tree.read(`${path}/pids.max`)]).toEqual([String(125 * MI), '256']);
    group.add(99);
    expect(tree.read(`${path}/cgroup.procs`)).toBe('99');
    expect(group.outOfMemory).toBe(false);
    tree.write(`${path}/memory.events`, 'max 9\noom 2\noom_kill 1\n');
    expect(group.outOfMemory).toBe(true);
    group.remove(); // it is ending still
    expect(tree.groups.has(path)).toBe(true);
    tree.groups.get(path)?.procs.clear();
    await eventually('it is removed', () => !tree.groups.has(path));
    expect(group.outOfMemory).toBe(false);
    groups.release();
    expect([...tree.groups.keys()]).toEqual([APP]);
    expect(tree.read(`${APP}/cgroup.procs`)).toBe('7');
  });

  it('have no limit of memory where none is wanted', () => {
    const tree = new Tree();
    const group = new ControlGroups(tree, 7).create('lock', { ...limits, memoryBytes: 0 });
    expect(typeof group === 'string' ? group : tree.read(`${APP}/${group.name}/memory.max`)).toBe('');
  });

  it.each<[string, (tree: Tree) => void, string]>([
    ['version 1 alone', (tree) => (tree.self = '9:memory:/x\n8:pids:/x\n'), 'the system has control groups of version 1 only'],
    ['both versions', (tree) => (tree.self = '4:cpu,memory:/x\n0::/app\n'), 'the memory controller is bound to control groups of version 1'],
    ['a controller that is missing', (tree) => tree.write(`${APP}/cgroup.controllers`, 'cpu pids'), 'control group /app has no memory controller'],
    ['somebody else\'s', (tree) => (tree.readOnly = true), 'EACCES: permission denied'],
    ['neighbours', (tree) => void tree.groups.get(APP)?.procs.add('8'), 'other processes live in this control group, too (1)'],
    ['a group that can\'t be seen', (tree) => (tree.self = '0::/../other\n'), 'ENOENT'],
  ])('are left alone with %s, and it is said why', (_what, change, why) => {
    const tree = new Tree();
    change(tree);
    const before = [...tree.groups.keys()];
    const groups = new ControlGroups(tree, 7);
    expect(groups.problem).toContain(`not delegated: ${why}`);
    expect(groups.create('state', limits)).toBe(groups.problem);
    groups.release();
    expect([...tree.groups.keys()]).toEqual(before);
    expect(tree.groups.get(APP)?.procs.has('7')).toBe(true);
  });

  it('are given up when the limits can\'t be passed on', () => {
    const tree = new Tree();
    const write = tree.write.bind(tree);
    tree.write = (path, text) => {
      if (path.endsWith('subtree_control') && text.startsWith('+')) throw new Error('ENOTSUP: not here');
      write(path, text);
    };
    expect(new ControlGroups(tree, 7).problem).toContain('ENOTSUP');
    expect([...tree.groups.keys()]).toEqual([APP]);
    expect(tree.read(`${APP}/cgroup.procs`)).toBe('7');
  });
});

const problem = cgroupProblem();
if (problem !== undefined) process.stderr.write(`launch-limits: the system's own control groups are not tested: ${problem}\n`);
describe.skipIf(problem !== undefined)('the system\'s control groups', () => {
  it('end a process that uses more memory than it may', async () => {
    const launched = new Launched('process', { limits: { memoryBytes: 128 * MI }, code: 'const all = []; for (;;) all.push(Buffer.alloc(1 << 20, 1));' });
    expect(await launched.end()).toMatchObject({ signal: 'SIGKILL', reason: expect.stringContaining('control group') });
  });
});
