// The switch: takes a matched call from a listener and hands it to whoever owns the route. Moves bytes, decodes nothing.
import { Flag } from '../ipc/frame.ts';
import type { PackedHttpHead } from '../proto/control.ts';
import { FAIL } from '../proto/failures.ts';
import type { Route } from '../proto/routes.ts';
import type { Answer, CallRequest, Seat, StreamAnswer, StreamTicket, Ticket } from './seat.ts';
import { messageOf } from '../proto/errors.ts';

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

const SETTLED: StreamTicket = { cancel: () => {}, send: () => false, halfClose: () => {}, grant: () => {} };

export class Switch {
  readonly #seats: ReadonlyMap<string, Seat>;
  readonly #own: ReadonlyMap<number, KernelMethod>;

  constructor(seats: ReadonlyMap<string, Seat>, own: ReadonlyMap<number, KernelMethod>) {
    this.#seats = seats;
    this.#own = own;
  }

  /** Calls that have no answer yet, without the streams. */
  get inFlight(): number {
    let sum = 0;
    for (const seat of this.#seats.values()) sum += seat.inFlight;
    return sum;
  }

  /** Streams that are not over. */
  get streams(): number {
    let sum = 0;
    for (const seat of this.#seats.values()) sum += seat.streams;
    return sum;
  }

  open(request: CallRequest, answer: Answer): Ticket {
    const seat = this.#seats.get(request.route.owner);
    if (seat !== undefined) return seat.open(request, answer);
    const method = this.#own.get(request.route.id);
    if (method === undefined) answer.onRefusal(unserved(request.route));
    else void this.#answer(method, request, answer);
    return SETTLED;
  }

  /** Only blocks stream. */
  openStream(request: CallRequest, answer: StreamAnswer): StreamTicket {
    const seat = this.#seats.get(request.route.owner);
    if (seat !== undefined) return seat.openStream(request, answer);
    answer.onRefusal(unserved(request.route));
    return SETTLED;
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

/** No block of this sidecar serves the route: it was not chosen, or there is none yet. */
function unserved(route: Route): ReturnType<typeof FAIL.notImplemented>['failure'] {
  const { failure } = FAIL.notImplemented();
  const why = route.owner === 'none' ? `no block serves ${route.name}` : `the ${route.owner} block, which serves ${route.name}, does not run here`;
  return { ...failure, message: `${failure.message}: ${why}` };
}
