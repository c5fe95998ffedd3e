// The switch: takes a matched call from a listener and hands it to whoever owns the route. Moves bytes, decodes nothing: where
// components have compartments of their own, it looks for a name among the bytes and no further.
import { Flag } from '../ipc/frame.ts';
import type { PackedHttpHead } from '../proto/control.ts';
import { FAIL } from '../proto/failures.ts';
import type { Route } from '../proto/routes.ts';
import type { Answer, CallRequest, Seat, StreamAnswer, StreamTicket, Ticket } from './seat.ts';
import { messageOf } from '../proto/errors.ts';
import { componentName, initialComponentName } from './component-name.ts';
import { UndecidedStream } from './undecided-stream.ts';

/** Where the calls of a block's routes go; looked at for each call, so what changes in it counts from the next call on. */
export interface Seats {
  /** Of the block's compartment for all components, and for names that no component has; or of several that are alike. Never empty. */
  readonly shared: readonly Seat[];
  /** By component, of those that have a compartment of their own. */
  readonly own: ReadonlyMap<string, Seat>;
}

/** Seats while compartments come and go. */
export type OpenSeats = Map<string, { readonly shared: Seat[]; readonly own: Map<string, Seat> }>;

/** A seat of a block's compartment for all components: the first one, or one more that is like it. */
export function seatShared(seats: OpenSeats, block: string, seat: Seat): void {
  const known = seats.get(block);
  if (known === undefined) seats.set(block, { shared: [seat], own: new Map() });
  else known.shared.push(seat);
  seat.neighbours = seats.get(block)?.shared ?? [];
}

/** A call of a method that the kernel answers itself: health, metadata, shutdown. */
export interface KernelCall {
  /** False: over gRPC. */
  readonly http: boolean;
  readonly params: readonly string[];
  readonly query: string;
  /** Wanted headers or metadata of the request: a flat list of names and values. */
  readonly headers: readonly string[];
  readonly body: Uint8Array;
}

/** What it throws becomes INTERNAL. */
export type KernelMethod = (call: KernelCall, answer: Answer) => void | Promise<void>;

/** Streams at once that have not said yet which component they are for: as many as one seat has room for. */
const MAX_UNDECIDED = 1_024;

const SETTLED: StreamTicket = { cancel: () => {}, send: () => false, halfClose: () => {}, grant: () => {} };

export class Switch {
  readonly #seats: ReadonlyMap<string, Seats>;
  readonly #own: ReadonlyMap<number, KernelMethod>;
  readonly #undecided = new Set<UndecidedStream>();

  /** @param seats by block. @param own by route. */
  constructor(seats: ReadonlyMap<string, Seats>, own: ReadonlyMap<number, KernelMethod>) {
    this.#seats = seats;
    this.#own = own;
  }

  /** Calls that have no answer yet, without the streams. */
  get inFlight(): number {
    let sum = 0;
    for (const seat of this.#all()) sum += seat.inFlight;
    return sum;
  }

  /** Streams that are not over. */
  get streams(): number {
    let sum = this.#undecided.size;
    for (const seat of this.#all()) sum += seat.streams;
    return sum;
  }

  open(request: CallRequest, answer: Answer): Ticket {
    const seats = this.#seats.get(request.route.owner);
    if (seats !== undefined) return (seats.own.size === 0 ? sharedSeat(seats.shared) : seatFor(seats, request)).open(request, answer);
    const method = this.#own.get(request.route.id);
    if (method === undefined) answer.onRefusal(unserved(request.route));
    else void this.#answer(method, request, answer);
    return SETTLED;
  }

  /** Only blocks stream. */
  openStream(request: CallRequest, answer: StreamAnswer): StreamTicket {
    const { route, flags } = request;
    const seats = this.#seats.get(route.owner);
    if (seats === undefined) {
      answer.onRefusal(unserved(route));
      return SETTLED;
    }
    if (seats.own.size === 0) return sharedSeat(seats.shared).openStream(request, answer);
    if ((flags & Flag.STREAM) === 0) return seatFor(seats, request).openStream(request, answer);
    if (this.#undecided.size >= MAX_UNDECIDED) {
      answer.onRefusal(FAIL.tooManyStreams(route.owner, MAX_UNDECIDED).failure);
      return SETTLED;
    }
    const stream = new UndecidedStream(request, answer, {
      seatOf: (first) => ownSeat(seats, first === undefined ? undefined : nameIn(route, first)),
      decided: (one) => void this.#undecided.delete(one),
    });
    this.#undecided.add(stream);
    stream.begin();
    return stream;
  }

  *#all(): Iterable<Seat> {
    for (const { shared, own } of this.#seats.values()) {
      yield* shared;
      yield* own.values();
    }
  }

  async #answer(method: KernelMethod, { flags, head, body }: CallRequest, answer: Answer): Promise<void> {
    const [params, query, headers = []] = (head as PackedHttpHead | undefined) ?? [[], ''];
    try {
      await method({ http: flags === Flag.HTTP, params, query, headers, body }, answer);
    } catch (cause) {
      answer.onRefusal(FAIL.internal(messageOf(cause)).failure);
    }
  }
}

/** Where some components have a compartment of their own, a call goes by its component's name. */
function seatFor(seats: Seats, { route, flags, head, body }: CallRequest): Seat {
  return ownSeat(seats, (flags & Flag.HTTP) === 0 ? nameIn(route, body) : (head as PackedHttpHead)[0][0]);
}

function ownSeat({ shared, own }: Seats, name: string | undefined): Seat {
  return (name === undefined ? undefined : own.get(name)) ?? sharedSeat(shared);
}

/** Where the search for a replica begins: equals take turns. */
let turn = 0;

/** Of replicas that have a life the one with the fewest calls. Where none has, any: a call that waits goes to the first that gets one. */
function sharedSeat(replicas: readonly Seat[]): Seat {
  const count = replicas.length;
  if (count === 1) return replicas[0] as Seat;
  const first = turn++ % count;
  let best = replicas[first] as Seat;
  let least = Infinity;
  for (let i = 0; i < count; i++) {
    const seat = replicas[(first + i) % count] as Seat;
    const { load } = seat;
    if (load >= least) continue;
    best = seat;
    least = load;
  }
  return best;
}

function nameIn({ componentIn }: Route, message: Uint8Array): string | undefined {
  return componentIn === 'initial' ? initialComponentName(message) : componentName(message);
}

/** No block of this sidecar serves the route: it was not chosen, or there is none yet. */
function unserved(route: Route): ReturnType<typeof FAIL.notImplemented>['failure'] {
  const { failure } = FAIL.notImplemented();
  const why = route.owner === 'none' ? `no block serves ${route.name}` : `the ${route.owner} block, which serves ${route.name}, does not run here`;
  return { ...failure, message: `${failure.message}: ${why}` };
}
