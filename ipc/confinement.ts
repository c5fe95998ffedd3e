// A process that runs what others have written, drivers and their libraries, beside processes of its own user that know more: it may look
// into none of them. Linux would let it, because to Linux it is the user that counts. With Landlock (landlock(7)) it gives that up itself, for
// good: it reads no other's memory, environment or descriptors, traces none, and, since Linux 6.12, sends no signal to any. Who started
// it still looks after it. Threads that run already are not meant; Node's pool and workers come later.
import { closeSync, openSync } from 'node:fs';
import { loadLibc, type Libc } from './libc.ts';

// linux/landlock.h
const CREATE_RULESET_VERSION = 1;
const RULE_PATH_BENEATH = 1;
const ACCESS_FS_MAKE_BLOCK = 1n << 11n;
const ACCESS_FS_REFER = 1n << 13n;
const SCOPE_SIGNAL = 1n << 1n;
/** Versions in which files may be moved between directories if that is said, and in which signals are known. */
const REFER_SINCE = 2;
const SCOPES_SINCE = 6;
// linux/prctl.h, asm-generic/fcntl.h
const PR_SET_NO_NEW_PRIVS = 38;
const O_PATH = 0o10000000;

/** What was given up; a text says why nothing was. */
export type Confinement = 'memory and signals' | 'memory' | { readonly problem: string };

/** May be called twice. @param version of the interface, for tests: an older one than the system's */
export function confine(version?: number): Confinement {
  try {
    const c = loadLibc();
    const known = c.landlock_create_ruleset(null, 0, CREATE_RULESET_VERSION);
    if (known < 1) return { problem: `the system has no Landlock, errno ${c.errno()}` };
    const used = version ?? known;
    const ruleset = used >= SCOPES_SINCE ? ruleOf(c, 0n, SCOPE_SIGNAL) : used >= REFER_SINCE ? anywhere(c) : ruleOf(c, ACCESS_FS_MAKE_BLOCK, 0n);
    try {
      if (c.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) !== 0) throw new Error(`privileges can't be given up, errno ${c.errno()}`);
      if (c.landlock_restrict_self(ruleset) !== 0) throw new Error(`it can't be entered, errno ${c.errno()}`);
    } finally {
      closeSync(ruleset);
    }
    return used >= SCOPES_SINCE ? 'memory and signals' : 'memory';
  } catch (cause) {
    return { problem: (cause as Error).message };
  }
}

/** Each ruleset must be about something; ours are about what no block does (making device files), or about signals. @returns its descriptor */
function ruleOf(c: Libc, files: bigint, scoped: bigint): number {
  const attributes = new Uint8Array(BigUint64Array.of(files, 0n, scoped).buffer, 0, scoped === 0n ? 8 : 24); // what older systems don't know is not there
  const fd = c.landlock_create_ruleset(attributes, attributes.length, 0);
  if (fd < 0) throw new Error(`no ruleset can be made, errno ${c.errno()}`);
  return fd;
}

/** Moving files between directories is denied unless it is allowed, and here it is, everywhere. */
function anywhere(c: Libc): number {
  const ruleset = ruleOf(c, ACCESS_FS_MAKE_BLOCK | ACCESS_FS_REFER, 0n);
  const root = openSync('/', O_PATH);
  try {
    const rule = Buffer.alloc(12); // struct landlock_path_beneath_attr is packed
    rule.writeBigUInt64LE(ACCESS_FS_REFER, 0);
    rule.writeInt32LE(root, 8);
    if (c.landlock_add_rule(ruleset, RULE_PATH_BENEATH, rule) !== 0) throw new Error(`no rule can be made, errno ${c.errno()}`);
    return ruleset;
  } catch (cause) {
    closeSync(ruleset);
    throw cause;
  } finally {
    closeSync(root);
  }
}
