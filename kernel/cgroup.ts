// Control groups: a hard limit of memory and of threads for each block's process, kept by the system, where this process was
// given a part of the tree to rule. That is version 2 with its memory controller only. Version 1 knows no delegation that
// is safe, and on a system with both trees its memory controller is bound to version 1. Where it can't be done it is not done, and
// `problem` says why: the limits that the kernel keeps itself hold everywhere.
import { accessSync, constants, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../proto/errors.ts';
import type { Limits } from './limits.ts';

/** The system's files, as far as they are used here. */
export interface GroupFiles {
  /** @throws the system's error, like all of these */
  read(path: string): string;
  write(path: string, text: string): void;
  mkdir(path: string): void;
  rmdir(path: string): void;
  folders(path: string): string[];
  mustBeWritable(path: string): void;
}

/** One process' group. */
export interface ControlGroup {
  readonly name: string;
  /** Moves a process into it. One that has ended already is left alone. */
  add(pid: number): void;
  /** The system killed something in it because its memory was used up. */
  readonly outOfMemory: boolean;
  /** To be called when its process has ended. */
  remove(): void;
}

const MOUNT = '/sys/fs/cgroup';
const SELF = '/proc/self/cgroup';
const CONTROLLERS = ['memory', 'pids'] as const;
const PREFIX = 'bulkhead-';
/** The system's limit comes after ours, which replaces a life in order when it is too large. */
const HEADROOM = 1.25;
/** Threads. A process of Node's has about a dozen. */
const MOST_THREADS = 256;
/** A group whose process has just ended may be in use for a moment. */
const REMOVE_TRIES = 20;
const REMOVE_MS = 25;

const SYSTEM_FILES: GroupFiles = {
  read: (path) => readFileSync(path, 'utf8'),
  write: (path, text) => writeFileSync(path, text),
  mkdir: (path) => mkdirSync(path),
  rmdir: (path) => rmdirSync(path),
  folders: (path) => readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => name),
  mustBeWritable: (path) => accessSync(path, constants.W_OK),
};

export class ControlGroups {
  /** Why no process gets a group of its own; undefined when each does. */
  readonly problem: string | undefined;
  readonly #files: GroupFiles;
  readonly #pid: number;
  /** The group that is ours to rule. */
  readonly #base: string = '';
  #made = 0;

  constructor(files: GroupFiles = SYSTEM_FILES, pid: number = process.pid) {
    this.#files = files;
    this.#pid = pid;
    try {
      this.#base = this.#find();
      this.#rule();
      this.#sweep();
    } catch (cause) {
      this.problem = `not delegated: ${messageOf(cause)}`;
    }
  }

  /** @param name of the compartment. @returns why there is none, as a text, where it can't be made */
  create(name: string, { memoryBytes }: Pick<Limits, 'memoryBytes'>): ControlGroup | string {
    if (this.problem !== undefined) return this.problem;
    const files = this.#files;
    const group = `${PREFIX}${this.#pid}-${name.replace(/[^A-Za-z0-9_.-]/g, '_').slice(0, 100)}-${++this.#made}`;
    const path = join(this.#base, group);
    const write = (file: string, value: number): void => files.write(join(path, file), String(value));
    try {
      files.mkdir(path);
      try {
        if (memoryBytes > 0) write('memory.max', Math.ceil(memoryBytes * HEADROOM));
        write('pids.max', MOST_THREADS);
      } catch (cause) {
        files.rmdir(path);
        throw cause;
      }
    } catch (cause) {
      return `not made: ${messageOf(cause)}`;
    }
    return {
      name: group,
      add: (pid) => {
        try {
          write('cgroup.procs', pid);
        } catch {
          return; // it has ended, or will be what the kernel's own limits hold
        }
      },
      get outOfMemory() {
        return killsOf(files, path) > 0;
      },
      remove: () => this.#remove(path, REMOVE_TRIES),
    };
  }

  /** Gives up what was taken at the beginning: this process goes back to where it was. */
  release(): void {
    if (this.problem !== undefined) return;
    try {
      this.#sweep();
      this.#leave();
    } catch {
      return; // something lives there still
    }
  }

  /** The directory of our own group. @throws Error saying why it is not ours */
  #find(): string {
    const lines = this.#files.read(SELF).trim().split('\n');
    const own = lines.find((line) => line.startsWith('0::'))?.slice(3);
    if (own === undefined) throw new Error('the system has control groups of version 1 only');
    if (lines.some((line) => line.split(':', 2)[1]?.split(',').includes('memory'))) throw new Error('the memory controller is bound to control groups of version 1');
    const base = join(MOUNT, own);
    const available = words(this.#files.read(join(base, 'cgroup.controllers')));
    const missing = CONTROLLERS.filter((controller) => !available.includes(controller));
    if (missing.length > 0) throw new Error(`control group ${own} has no ${missing.join(' and no ')} controller`);
    for (const file of ['', 'cgroup.procs', 'cgroup.subtree_control']) this.#files.mustBeWritable(join(base, file));
    return base;
  }

  /** Lets child groups have limits. A group with limits for its children has no processes itself, so this one moves into a child. */
  #rule(): void {
    const files = this.#files;
    const granted = words(files.read(this.#control));
    if (CONTROLLERS.every((controller) => granted.includes(controller))) return;
    const others = words(files.read(join(this.#base, 'cgroup.procs'))).filter((pid) => pid !== String(this.#pid));
    if (others.length > 0) throw new Error(`other processes live in this control group, too (${others.length}): start the sidecar in one of its own`);
    files.mkdir(this.#leaf);
    try {
      files.write(join(this.#leaf, 'cgroup.procs'), String(this.#pid));
      files.write(this.#control, CONTROLLERS.map((controller) => `+${controller}`).join(' '));
    } catch (cause) {
      this.#leave();
      throw cause;
    }
  }

  #leave(): void {
    const files = this.#files;
    if (!files.folders(this.#base).includes(leafOf(this.#pid))) return;
    const granted = words(files.read(this.#control));
    const taken = CONTROLLERS.filter((controller) => granted.includes(controller));
    if (taken.length > 0) files.write(this.#control, taken.map((controller) => `-${controller}`).join(' '));
    files.write(join(this.#base, 'cgroup.procs'), String(this.#pid));
    files.rmdir(this.#leaf);
  }

  /** Removes what a kernel left behind that had no time for it, and what of ours is empty. */
  #sweep(): void {
    for (const folder of this.#files.folders(this.#base)) {
      if (folder.startsWith(PREFIX) && folder !== leafOf(this.#pid)) this.#remove(join(this.#base, folder), 1);
    }
  }

  /** A group that has a process still is not removed: the system refuses it. */
  #remove(path: string, tries: number): void {
    try {
      this.#files.rmdir(path);
    } catch (cause) {
      if (tries > 1 && (cause as NodeJS.ErrnoException).code === 'EBUSY') setTimeout(() => this.#remove(path, tries - 1), REMOVE_MS).unref();
    }
  }

  get #control(): string {
    return join(this.#base, 'cgroup.subtree_control');
  }

  get #leaf(): string {
    return join(this.#base, leafOf(this.#pid));
  }
}

function leafOf(pid: number): string {
  return `${PREFIX}${pid}-kernel`;
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

function killsOf(files: GroupFiles, path: string): number {
  try {
    return Number(/^oom_kill (\d+)$/m.exec(files.read(join(path, 'memory.events')))?.[1] ?? 0);
  } catch {
    return 0; // it is gone
  }
}

let groups: ControlGroups | undefined;

/** This process' own; looked for at first use. */
export function controlGroups(): ControlGroups {
  if (groups === undefined) {
    const made = new ControlGroups();
    groups = made;
    if (made.problem === undefined) process.once('exit', () => made.release());
  }
  return groups;
}

/** Why blocks get no control group of their own; undefined where they do. */
export function cgroupProblem(): string | undefined {
  return controlGroups().problem;
}
