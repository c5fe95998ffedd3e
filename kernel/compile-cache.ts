// Where the processes and threads of blocks read and write compiled code: in the kernel's own folder, which main.js chose.

/** All there is in a block's environment. Paths in the cache are relative: one that was made with a program stays good wherever both lie. */
export function compileCacheEnvironment(folder: string | undefined): Readonly<Record<string, string>> {
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: folder, NODE_COMPILE_CACHE_PORTABLE: '1' };
}
