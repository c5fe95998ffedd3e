// Entry of a gateway's thread: its own event loop with its own listeners, a lane into each life of each block, and a port to the
// supervisor. None of it is written by anybody but us; what goes wrong here all the same costs this thread and nothing else.
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { messageOf } from '../../proto/errors.ts';
import { openLog, outputTo, type Log } from '../../proto/log.ts';
import type { Config } from '../config.ts';
import type { Configuration } from '../configuration.ts';
import { FatalError } from '../fatal.ts';
import { openGateway, type Bound, type Gateway, type SharedPlaces } from '../gateway.ts';
import { Secret } from '../secret.ts';
import { Switch } from '../switch.ts';
import { Questions } from './asking.ts';
import { GatewayCounts } from './counts.ts';
import { Places } from './places.ts';
import type { FromGateway, FromSupervisor, GatewayReport, GatewayStart, Order, PlainConfig } from './protocol.ts';

/** How often a drain looks whether the last call is done. */
const DRAIN_TICK_MS = 10;

class GatewayThread {
  readonly #start: GatewayStart;
  readonly #port: MessagePort;
  readonly #log: Log;
  readonly #config: Config;
  readonly #counts: GatewayCounts;
  readonly #questions: Questions;
  readonly #places: Places;
  readonly #switch: Switch;
  #gateway: Gateway | undefined;
  #configuration: Configuration | undefined;

  constructor(start: GatewayStart, port: MessagePort) {
    this.#start = start;
    this.#port = port;
    this.#config = revived(start.config);
    this.#log = openLog(start.logging, { output: outputTo(start.logFd), conceal: start.conceal });
    this.#counts = new GatewayCounts(this.#config.metrics.enabled);
    const post = (message: FromGateway): void => port.postMessage(message);
    this.#questions = new Questions(post);
    this.#places = new Places({ gateway: start.index, log: this.#log, trace: this.#config.traceIpc, post });
    this.#switch = new Switch(this.#places.seats, this.#questions.methods(start.own));
    port.on('message', (message: FromSupervisor) => {
      if ('order' in message) void this.#obey(message.number, message.order);
      else this.#questions.answered(message);
    });
  }

  async #obey(number: number, order: Order): Promise<void> {
    try {
      this.#port.postMessage({ kind: 'done', number, result: await this.#do(order) } satisfies FromGateway);
    } catch (cause) {
      this.#port.postMessage({ kind: 'failed', number, message: messageOf(cause), fatal: cause instanceof FatalError } satisfies FromGateway);
    }
  }

  /** What is done at once is done before the next order is looked at. */
  #do(order: Order): unknown {
    switch (order.kind) {
      case 'listen':
        return this.#listen(order.configuration, order.places);
      case 'apply':
        return this.#apply(order.configuration);
      case 'place':
        return this.#places.add(order.place, order.spec, order.tally, order.suspects);
      case 'admit':
        return this.#places.admit(order.place, order.admitted);
      case 'attach':
        return this.#places.at(order.place).attach(order.life, order.lane, order.isWatched);
      case 'suspend':
        return this.#places.at(order.place).suspend();
      case 'rest':
        return this.#places.at(order.place).seat.atRest(order.limitMs);
      case 'resume':
        return this.#places.at(order.place).seat.resume();
      case 'died':
        return this.#places.at(order.place).died(order.life);
      case 'detach':
        return this.#places.at(order.place).detach(order.life, order.why);
      case 'finished':
        return this.#places.at(order.place).finished(order.life);
      case 'suspects':
        return this.#places.at(order.place).poison.learn(order.suspects);
      case 'close-place':
        return this.#places.close(order.place);
      case 'report':
        return { connections: this.#gateway?.connections ?? 0, measures: this.#counts.pack(), waiting: this.#places.waiting } satisfies GatewayReport;
      case 'ping':
        return undefined;
      case 'drain':
        return this.#drain(order.graceMs);
    }
  }

  /** @throws FatalError when a port can't be had */
  async #listen(configuration: Configuration, shared: SharedPlaces): Promise<Bound> {
    this.#apply(configuration);
    const gateway = await openGateway(this.#switch, this.#config, configuration, this.#log, { counts: this.#counts, shared, isQuiet: this.#start.index > 0 });
    this.#gateway = gateway;
    if (this.#configuration !== configuration) gateway.apply(this.#configuration as Configuration); // it changed meanwhile
    return gateway.listen();
  }

  #apply(configuration: Configuration): void {
    this.#configuration = configuration;
    this.#counts.apply(configuration.metrics);
    this.#gateway?.apply(configuration);
  }

  async #drain(graceMs: number): Promise<void> {
    const listeners = this.#gateway?.listeners ?? [];
    const drained = Promise.all(listeners.map((listener) => listener.drain(graceMs)));
    while (this.#switch.inFlight > 0) await new Promise((resolve) => setTimeout(resolve, DRAIN_TICK_MS));
    await drained;
  }
}

function revived({ api, app, ...config }: PlainConfig): Config {
  return { ...config, api: { ...api, token: new Secret(api.token) }, app: { ...app, token: new Secret('') } };
}

new GatewayThread(workerData as GatewayStart, parentPort as MessagePort);

