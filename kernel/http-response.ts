// Node's HTTP/1.1 answer without the listener that each adds to its connection and takes away again: whose client has left is
// known to `HttpConnections`, which listens once for each connection.
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

const { ServerResponse: NodeResponse } = process.getBuiltinModule('node:http');

/** Undocumented: what Node's own methods of these names do, but for the listener. */
interface Internals {
  socket: Socket | null;
  _flush(): void;
}
interface AnsweringSocket extends Socket {
  _httpMessage?: ServerResponse | null;
}

/** An answer that is not told when its connection closes under it: it has no 'close' then. */
export class QuietResponse extends NodeResponse {
  /** It is its turn: what was written before, while others had theirs, leaves now. */
  override assignSocket(socket: AnsweringSocket): void {
    const self = this as unknown as Internals;
    socket._httpMessage = this;
    self.socket = socket;
    self._flush();
  }

  override detachSocket(socket: AnsweringSocket): void {
    socket._httpMessage = null;
    (this as unknown as Internals).socket = null;
  }
}
