// A relay before a server: connections can be cut and refused, and answers lost after a request that is known by its text.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Relay extends AsyncDisposable {
  /** `host:port` to connect to. */
  readonly address: string;
  /** Ends all connections, and takes no new ones until `mend`. */
  cut(): void;
  /** Nothing that the server says from now on arrives, until `mend`. */
  silence(): void;
  /** As `silence`, as soon as requests that contain the text have been passed on so many times. */
  loseAnswersAfter(text: string, times?: number): void;
  /** Lets everything through again, on new connections: those with lost answers end. */
  mend(): void;
}

export async function startRelay(to: { readonly host: string; readonly port: number }): Promise<Relay> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let closed = false;
  let silent = false;
  let trap: { readonly text: string; left: number } | undefined;
  const end = () => { for (const pair of pairs) for (const socket of pair) socket.destroy(); };
  const server = createServer((client) => {
    if (closed) {
      client.destroy();
      return;
    }
    const upstream = connect(to.port, to.host);
    const pair = [client, upstream] as const;
    pairs.add(pair);
    client.on('data', (data: Buffer) => {
      upstream.write(data);
      if (trap === undefined || !data.includes(trap.text) || --trap.left > 0) return;
      trap = undefined;
      silent = true;
    });
    upstream.on('data', (data: Buffer) => { if (!silent) client.write(data); });
    for (const [socket, other] of [[client, upstream], [upstream, client]] as const) {
      socket.on('error', () => undefined);
      socket.on('close', () => { other.destroy(); pairs.delete(pair); });
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: () => { closed = true; end(); },
    silence: () => { silent = true; },
    loseAnswersAfter: (text, times = 1) => { trap = { text, left: times }; },
    mend: () => {
      if (silent) end();
      closed = false;
      silent = false;
      trap = undefined;
    },
    [Symbol.asyncDispose]: async () => {
      server.close();
      end();
      await once(server, 'close');
    },
  };
}
