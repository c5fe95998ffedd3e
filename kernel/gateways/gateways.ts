// All gateways of a sidecar that has several: threads that serve the APIs on the same ports, each with lanes of its own into every
// life of every block, and each kept alive by itself. The supervisor beside them is on no call's path.
import { logSettings, type Config } from '../config.ts';
import type { Places, SeatSpec } from '../compartments.ts';
import type { Configuration } from '../configuration.ts';
import { addresses, type Bound, type SharedPlaces } from '../gateway.ts';
import type { LaunchOptions } from '../launch.ts';
import type { KernelMethod } from '../switch.ts';
import type { Log } from '../../proto/log.ts';
import { ROUTES } from '../../proto/routes.ts';
import type { Seating } from '../seating.ts';
import { answerQuestion } from './answering.ts';
import { FanOut } from './fan-out.ts';
import { assertFree } from './free-ports.ts';
import { Member, type MemberInfo } from './member.ts';
import type { FromGateway, GatewayReport, PlainConfig } from './protocol.ts';
import { GatewayGone, Run } from './run.ts';
import { SharedSocket } from './shared-socket.ts';

export interface GatewaysOptions {
  readonly config: Config;
  readonly log: Log;
  readonly launch: Pick<LaunchOptions, 'output' | 'compileCache'>;
}

/** A gateway that does not say by then what it has counted is shown as it was last time. */
const REPORT_MS = 500;
/** A gateway that does not do by then what takes it a turn of its loop is ended by its watch. */
const TURN_MS = 30_000;
const OWN_ROUTES: readonly number[] = ROUTES.filter(({ owner }) => owner === 'kernel').map(({ id }) => id);

export class Gateways implements Places {
  readonly size: number;
  readonly #options: GatewaysOptions;
  readonly #plain: PlainConfig;
  readonly #members: readonly Member[];
  readonly #places = new Map<number, FanOut>();
  #lastPlace = 0;
  #own: ReadonlyMap<number, KernelMethod> = new Map();
  #configuration: Configuration | undefined;
  /** The first gateway has bound the addresses: the others know where. */
  #bound: Promise<Bound> | undefined;
  #ports: SharedPlaces['ports'];
  #sockets: Readonly<Record<'http' | 'grpc', SharedSocket>> | undefined;

  /** Starts the threads, which load their code while everything else is read. */
  constructor(options: GatewaysOptions) {
    this.#options = options;
    const { config } = options;
    this.size = config.gateways;
    const { token: _theirs, ...app } = config.app;
    this.#plain = { ...config, api: { ...config.api, token: config.api.token.reveal() }, app };
    this.#members = Array.from({ length: this.size }, (_none, index) => this.#member(index));
  }

  place(spec: SeatSpec, log: Log): Seating {
    const number = ++this.#lastPlace;
    const place = new FanOut({ number, spec, size: this.size, log, onClosed: () => void this.#places.delete(number) });
    this.#places.set(number, place);
    for (const [index, { run }] of this.#members.entries()) if (!run.over) place.introduce(index, run);
    return place;
  }

  /**
   * All gateways listen on the same addresses.
   * @param own the methods that the kernel answers itself, by route
   * @throws FatalError when an address can't be had
   */
  async listen(configuration: Configuration, own: ReadonlyMap<number, KernelMethod>): Promise<Bound> {
    const { config } = this.#options;
    this.#own = own;
    this.#configuration = configuration;
    const [http, grpc] = [addresses(config, config.api.httpPort, 'http'), addresses(config, config.api.grpcPort, 'grpc')];
    const [httpSocket, grpcSocket] = [http[0], grpc[0]];
    if (httpSocket?.kind === 'unix' && grpcSocket?.kind === 'unix') this.#sockets = { http: await SharedSocket.open(httpSocket.path), grpc: await SharedSocket.open(grpcSocket.path) };
    else await assertFree([...http, ...grpc, ...(config.api.publicPort === 0 ? [] : [{ kind: 'tcp', host: config.api.publicAddress, port: config.api.publicPort } as const])]);
    const [first, ...others] = this.#members as [Member, ...Member[]];
    this.#bound = this.#listenFirst(first, configuration);
    const bound = await this.#bound;
    await Promise.all(others.map((member) => this.#listenToo(member)));
    return bound;
  }

  /** Resolves when all gateways go by it. */
  async apply(configuration: Configuration): Promise<void> {
    this.#configuration = configuration;
    await Promise.allSettled(this.#members.map(({ run }) => run.order({ kind: 'apply', configuration }, [], TURN_MS))); // who did not is ended by its watch, or has ended
  }

  /** What each has counted, of those that say so in time. */
  async reports(): Promise<readonly (readonly [run: Run, report: GatewayReport])[]> {
    const asked = await Promise.allSettled(this.#members.map(async ({ run }) => [run, (await run.order({ kind: 'report' }, [], REPORT_MS)) as GatewayReport] as const));
    return asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  }

  get runs(): readonly Run[] {
    return this.#members.map(({ run }) => run);
  }
  get infos(): readonly MemberInfo[] {
    return this.#members.map(({ info }) => info);
  }

  /** For `/actuator/blocks`. `connections`: undefined where the gateway does not say. */
  async shown(): Promise<readonly (MemberInfo & { readonly connections: number | undefined })[]> {
    const reports = new Map(await this.reports());
    return this.#members.map(({ info, run }) => ({ ...info, connections: reports.get(run)?.connections }));
  }

  /** No connection is taken any more; resolves when all calls have finished, or, of connections that stay, after `graceMs`. */
  async drain(graceMs: number): Promise<void> {
    this.#closeSockets(); // the gateways close theirs: from then on nobody waits for what is not accepted any more
    await Promise.allSettled(this.#members.map((member) => {
      member.leave();
      return member.run.order({ kind: 'drain', graceMs });
    }));
  }

  /** Ends all threads. May be called twice. */
  async close(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.stop()));
    this.#closeSockets();
  }

  #closeSockets(): void {
    this.#sockets?.http.close();
    this.#sockets?.grpc.close();
  }

  async #listenFirst(first: Member, configuration: Configuration): Promise<Bound> {
    const bound = (await first.run.order({ kind: 'listen', configuration, places: this.#shared() })) as Bound;
    this.#ports = { http: bound.http.map(portOf), grpc: bound.grpc.map(portOf), public: bound.public.map(portOf) };
    first.ready();
    return bound;
  }

  /** One that has ended meanwhile listens when it is back. @throws FatalError */
  async #listenToo(member: Member): Promise<void> {
    const { run } = member;
    try {
      await run.order({ kind: 'listen', configuration: this.#configuration as Configuration, places: this.#shared() });
      if (member.run === run) member.ready();
    } catch (cause) {
      if (!(cause instanceof GatewayGone)) throw cause;
    }
  }

  #member(index: number): Member {
    const { config, log, launch } = this.#options;
    const { token } = config.api;
    const start = {
      index, config: this.#plain, logging: logSettings(config), logFd: launch.output.fd, own: OWN_ROUTES,
      conceal: [token, config.app.token].filter(({ isSet }) => isSet).map((secret) => secret.reveal()),
    };
    return new Member({
      index, log,
      launch: (onNews) => new Run({ start, compileCache: launch.compileCache, hangMs: config.hangMs, onNews }),
      introduce: async (run) => {
        for (const place of this.#places.values()) place.introduce(index, run);
        if (this.#bound === undefined) return; // it is told to listen with the others
        await this.#bound;
        await run.order({ kind: 'listen', configuration: this.#configuration as Configuration, places: this.#shared() });
      },
      onNews: (run, news) => this.#heard(run, news),
      onEnded: () => {
        for (const place of this.#places.values()) place.gone(index);
      },
    });
  }

  #heard(run: Run, news: Exclude<FromGateway, { readonly kind: 'done' | 'failed' }>): void {
    if (news.kind === 'ask') answerQuestion(run, this.#own.get(news.route), news);
    else this.#places.get(news.place)?.heard(news);
  }

  #shared(): SharedPlaces {
    return { ports: this.#ports, sockets: this.#sockets === undefined ? undefined : { http: this.#sockets.http.share(), grpc: this.#sockets.grpc.share() } };
  }
}

function portOf(bound: string): number {
  return Number(bound.slice(bound.lastIndexOf(':') + 1));
}
