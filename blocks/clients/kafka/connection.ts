// One kafkajs client and its sockets. What kafkajs can't be told by options is put right here, with the reason beside it.
import { createRequire } from 'node:module';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import kafkajs, { CompressionTypes, Kafka, logLevel, type ISocketFactory, type RetryOptions, type SASLOptions } from 'kafkajs';
import type { KafkaLog } from './log.ts';
import { kafkaTokens } from './oidc.ts';
import type { KafkaSettings } from './settings.ts';

const CONNECT_MS = 5_000;
/** Longest silence while an answer is due. */
export const REQUEST_MS = 10_000;
/** How long a goodbye may take. After that the sockets are cut. */
const GOODBYE_MS = 3_000;
const MAX_BATCH_BYTES = 100 << 20;

/** All given: kafkajs has other defaults where NODE_ENV is "test". */
export const retry = (retries: number, initialRetryTime: number, maxRetryTime: number): RetryOptions => ({ retries, initialRetryTime, maxRetryTime, factor: 0.2, multiplier: 2 });

repairTimers();
kafkajs.CompressionCodecs[CompressionTypes.ZSTD] = () => ZSTD; // Node doesn't see that kafkajs exports it by name, too

export class Connection {
  readonly kafka: Kafka;
  readonly #sockets = new Set<Socket>();
  #closing: Promise<void> | undefined;

  constructor(settings: KafkaSettings, log: KafkaLog, retries: RetryOptions) {
    const { brokers, clientId, tls, keepAliveMs } = settings;
    this.kafka = new Kafka({
      brokers: [...brokers],
      clientId: clientId ?? 'bulkhead',
      connectionTimeout: CONNECT_MS,
      authenticationTimeout: REQUEST_MS,
      requestTimeout: REQUEST_MS,
      retry: retries,
      ...(tls === undefined ? {} : { ssl: tls }),
      ...(settings.login === undefined ? {} : { sasl: saslOptions(settings) }),
      socketFactory: this.#newSocket(keepAliveMs),
      logLevel: logLevel.WARN,
      // Only the text: what comes with it may hold anything.
      logCreator: () => ({ log: entry }) => log.warn(typeof entry['error'] === 'string' ? `${entry.message}: ${entry['error']}` : entry.message),
    });
  }

  /** @param goodbye what kafkajs does about it; it may wait for answers that never come */
  close(goodbye: () => Promise<void>): Promise<void> {
    return (this.#closing ??= this.#close(goodbye));
  }

  async #close(goodbye: () => Promise<void>): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, GOODBYE_MS);
    // a goodbye that fails had nobody to say it to
    await Promise.race([goodbye().catch(() => undefined), late.promise]);
    clearTimeout(timer);
    for (const socket of this.#sockets) socket.destroy(new Error('the component is closing'));
  }

  #newSocket(keepAliveMs: number): ISocketFactory {
    return ({ host, port, ssl, onConnect }) => {
      // kafkajs gives null for "no TLS", whatever its type says
      const secure = ssl as typeof ssl | null;
      const socket = secure ? connectTls({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...secure }, onConnect) : connectTcp({ host, port }, onConnect);
      socket.setKeepAlive(true, keepAliveMs);
      socket.setNoDelay(true);
      if (this.#closing !== undefined) socket.destroy(new Error('the component is closing'));
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      return socket;
    };
  }
}

function saslOptions({ login }: KafkaSettings): SASLOptions {
  if (login?.kind === 'password') return { mechanism: login.mechanism, username: login.username, password: login.password } as SASLOptions;
  if (login?.kind === 'token') return { mechanism: 'oauthbearer', oauthBearerProvider: kafkaTokens(login.tokens) };
  throw new Error('there is no login');
}

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

const ZSTD = {
  compress: (encoder: { readonly buffer: Buffer }) => compress(encoder.buffer),
  decompress: (bytes: Buffer) => decompress(bytes, { maxOutputLength: MAX_BATCH_BYTES }),
};

/**
 * kafkajs sets a timer with a negative time after each answer, to look for requests that wait although none does. Node warns
 * about it on stderr, and the timers cost. With nothing waiting there is nothing to look for.
 */
function repairTimers(): void {
  interface Queue { readonly pending: readonly unknown[]; scheduleCheckPendingRequests(): void }
  const { prototype } = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as { readonly prototype: Queue };
  const schedule = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function scheduleCheck(this: Queue): void {
    if (this.pending.length > 0) schedule.call(this);
  };
}
