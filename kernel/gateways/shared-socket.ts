// A Unix socket that several gateways accept connections of: bound once, and each run of a gateway gets a descriptor of its own for
// it. One path can't be bound twice, and `SO_REUSEPORT` means nothing there.
import { chmodSync, closeSync, renameSync, unlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { loadLibc } from '../../ipc/libc.ts';
import { bindWithRetry, privately } from '../bind.ts';
import { FatalError } from '../fatal.ts';

const F_DUPFD_CLOEXEC = 1030;
const LOWEST_FD = 3;

export class SharedSocket {
  readonly path: string;
  readonly #fd: number;
  #closed = false;

  constructor(path: string, fd: number) {
    this.path = path;
    this.#fd = fd;
  }

  /** Binds it; whatever was at the path before is gone. Connections wait until somebody accepts them. @throws FatalError */
  static async open(path: string): Promise<SharedSocket> {
    // libuv accepts at once, and removes the path that it has bound when it closes: so neither may find anything.
    const scratch = `${path}.${process.pid}`;
    const server = createServer();
    await bindWithRetry((done) => {
      const failed = (cause: Error): void => done(cause);
      privately(() => server.once('error', failed).listen(scratch, () => {
        server.off('error', failed);
        done(undefined);
      }));
    }, path);
    try {
      chmodSync(scratch, 0o600);
      const fd = duplicate((server as Server & { readonly _handle: { readonly fd: number } })._handle.fd);
      renameSync(scratch, path);
      return new SharedSocket(path, fd);
    } catch (cause) {
      throw new FatalError(`could not listen on any endpoint: ${path}: ${String(cause)}`);
    } finally {
      server.close();
    }
  }

  /** A descriptor of it for a gateway, which closes it. */
  share(): number {
    return duplicate(this.#fd);
  }

  /** Nobody can connect any more. May be called twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#fd);
    try {
      unlinkSync(this.path);
    } catch {
      // somebody else has removed it
    }
  }
}

/** @throws Error where there is no room for another one */
function duplicate(fd: number): number {
  const { fcntl, errno } = loadLibc();
  const copy = fcntl(fd, F_DUPFD_CLOEXEC, LOWEST_FD);
  if (copy < 0) throw new Error(`no descriptor for a gateway: errno ${errno()}`);
  return copy;
}
