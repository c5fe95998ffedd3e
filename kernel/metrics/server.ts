// The metrics port: any path answers with the exposition (contract: metrics endpoint). A listener of its own, so that whoever may
// look at metrics need not be let near the API.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageOf } from '../../proto/errors.ts';
import { bindWithRetry } from '../bind.ts';
import { describeAddress } from '../listener.ts';

const { createServer } = process.getBuiltinModule('node:http');

export interface MetricsServerOptions {
  /** `''`: all interfaces. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** The exposition in pieces, and what it is. */
  readonly text: () => Promise<{ readonly contentType: string; readonly pieces: readonly string[] }>;
  readonly log: (text: string) => void;
}

/** Whoever scrapes is one, or a few. */
const MAX_CONNECTIONS = 64;
const MAX_HEADER_BYTES = 16 * 1024;
const HEADERS_MS = 10_000;
const REQUEST_MS = 30_000;
/** Longer than scrapers commonly wait between two looks. */
const KEEP_ALIVE_MS = 90_000;

export class MetricsServer {
  readonly #options: MetricsServerOptions;
  readonly #server: Server;
  #closed = false;

  constructor(options: MetricsServerOptions) {
    this.#options = options;
    this.#server = createServer({
      maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: HEADERS_MS, requestTimeout: REQUEST_MS, keepAliveTimeout: KEEP_ALIVE_MS,
    }, (request, response) => void this.#answer(request, response));
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** Resolves with what was bound, or undefined where it was closed meanwhile. @throws FatalError when the port can't be had */
  async listen(): Promise<string | undefined> {
    const { host, port } = this.#options;
    const server = this.#server;
    await bindWithRetry((done) => {
      if (this.#closed) return done(undefined);
      const listening = (): void => {
        server.off('error', failed);
        done(undefined);
      };
      const failed = (cause: Error): void => {
        server.off('listening', listening);
        done(cause);
      };
      server.once('error', failed).once('listening', listening);
      server.listen({ port, ...(host === '' ? {} : { host }) });
    }, describeAddress({ kind: 'tcp', host, port }));
    const address = server.address() as AddressInfo | null;
    return address === null ? undefined : describeAddress({ kind: 'tcp', host, port: address.port });
  }

  /** May be called twice. */
  close(): void {
    this.#closed = true;
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { Allow: 'GET, HEAD', 'Content-Type': 'text/plain; charset=utf-8' }).end('only GET and HEAD are answered here\n');
      return;
    }
    try {
      const { contentType, pieces } = await this.#options.text();
      const bytes = pieces.reduce((sum, piece) => sum + Buffer.byteLength(piece), 0);
      response.writeHead(200, { 'Content-Type': contentType, 'Content-Length': bytes });
      if (request.method === 'GET') for (const piece of pieces) if (!response.write(piece)) await drained(response);
      response.end();
    } catch (cause) {
      this.#options.log(`metrics could not be shown: ${messageOf(cause)}`);
      if (response.headersSent) response.destroy();
      else response.writeHead(500, { 'Content-Type': 'text/plain; charset=utf-8' }).end('metrics could not be collected\n');
    }
  }
}

/** Resolves when the reader has taken what it was sent. @throws Error when it left */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    const left = (): void => reject(new Error('whoever asked for them left'));
    if (response.destroyed) return left();
    response.once('close', left);
    response.once('drain', () => {
      response.off('close', left);
      resolve();
    });
  });
}
