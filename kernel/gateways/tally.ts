// What gateways count of the calls to one compartment, in memory that all threads see: each writes a row of its own and reads
// them all, so a limit holds for the sum of them. Row 0 is the supervisor's: what former gateways had counted, and two words that
// are for all.
import type { SeatTotals } from '../seat.ts';

/** What is now, and is over with the gateway. */
const NOW = ['calls', 'streams', 'held', 'heldBytes'] as const;
/** What is counted since start. */
const TOTALS = ['heldInAll', 'heldInVain', 'repeated', 'lost', 'poisoned'] as const;
export type Present = (typeof NOW)[number];
export type Total = (typeof TOTALS)[number];

const CELLS = new Map<Present | Total, number>([...NOW, ...TOTALS].map((name, index) => [name, index]));
/** In row 0: 1 while the supervisor watches the present life. */
const AWAKE = 14;
/** In row 0: the gateway that has let a call of a poisonous kind through, counted from 1; 0: none. */
const TRIAL = 15;
/** 32-bit words: a cache line, so that no gateway's counting slows another's. */
const ROW = 16;

export function tallyMemory(gateways: number): SharedArrayBuffer {
  return new SharedArrayBuffer((gateways + 1) * ROW * Int32Array.BYTES_PER_ELEMENT);
}

/** All rows, as the supervisor sees them. */
export class Tally {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.#words = new Int32Array(memory);
  }

  /** Of all gateways. */
  sum(cell: Present | Total): number {
    return sumOf(this.#words, CELLS.get(cell) as number);
  }

  /** Whether lives owe anybody an answer. Before it says no, it has told gateways that nobody watches: whoever opens a call after that, wakes. */
  isBusy(): boolean {
    Atomics.store(this.#words, AWAKE, 0); // before the look; pairs with the load in GatewayTally.wake, which comes after a call was counted
    return this.sum('calls') + this.sum('streams') - this.sum('held') > 0;
  }

  /** A gateway is gone, and its calls with it; what it has counted stays. @param gateway from 0 */
  drop(gateway: number): void {
    const row = (gateway + 1) * ROW;
    for (const name of NOW) Atomics.store(this.#words, row + (CELLS.get(name) as number), 0);
    for (const name of TOTALS) {
      const cell = CELLS.get(name) as number;
      Atomics.add(this.#words, cell, Atomics.exchange(this.#words, row + cell, 0));
    }
    Atomics.compareExchange(this.#words, TRIAL, gateway + 1, 0);
  }
}

/** One gateway's row. Its members as totals are what the seat adds to. */
export class GatewayTally implements SeatTotals {
  readonly #words: Int32Array;
  readonly #number: number;
  readonly #row: number;

  /** @param gateway from 0 */
  constructor(memory: SharedArrayBuffer, gateway: number) {
    this.#words = new Int32Array(memory);
    this.#number = gateway + 1;
    this.#row = this.#number * ROW;
  }

  add(cell: Present, amount: number): void {
    Atomics.add(this.#words, this.#row + (CELLS.get(cell) as number), amount);
  }

  set(cell: Present, value: number): void {
    Atomics.store(this.#words, this.#row + (CELLS.get(cell) as number), value);
  }

  /** Of all gateways. Whoever has counted his own before he looks never lets a limit be passed, whatever the others do meanwhile. */
  sum(cell: Present): number {
    return sumOf(this.#words, CELLS.get(cell) as number);
  }

  /** One unary call more, or less. A call's own counting: no name is looked up. */
  addCalls(amount: number): void {
    Atomics.add(this.#words, this.#row, amount);
  }

  /** Calls that lives have, over all gateways. */
  open(): number {
    return sumOf(this.#words, 0) + sumOf(this.#words, 1) - sumOf(this.#words, 2);
  }

  /** Runs `wake` if nobody watches the present life. Cheap: it is called for each call, after that was counted. */
  wake(wake: () => void): void {
    if (Atomics.load(this.#words, AWAKE) === 0 && Atomics.exchange(this.#words, AWAKE, 1) === 0) wake();
  }

  /** True: the trial is this gateway's until it ends it. */
  claimTrial(): boolean {
    return Atomics.compareExchange(this.#words, TRIAL, 0, this.#number) === 0;
  }

  endTrial(): void {
    Atomics.compareExchange(this.#words, TRIAL, this.#number, 0);
  }

  get heldInAll(): number {
    return this.#total('heldInAll');
  }
  set heldInAll(value: number) {
    this.#setTotal('heldInAll', value);
  }
  get heldInVain(): number {
    return this.#total('heldInVain');
  }
  set heldInVain(value: number) {
    this.#setTotal('heldInVain', value);
  }
  get repeated(): number {
    return this.#total('repeated');
  }
  set repeated(value: number) {
    this.#setTotal('repeated', value);
  }
  get lost(): number {
    return this.#total('lost');
  }
  set lost(value: number) {
    this.#setTotal('lost', value);
  }
  get poisoned(): number {
    return this.#total('poisoned');
  }
  set poisoned(value: number) {
    this.#setTotal('poisoned', value);
  }

  #total(cell: Total): number {
    return Atomics.load(this.#words, this.#row + (CELLS.get(cell) as number));
  }

  #setTotal(cell: Total, value: number): void {
    Atomics.store(this.#words, this.#row + (CELLS.get(cell) as number), value);
  }
}

function sumOf(words: Int32Array, cell: number): number {
  let sum = 0;
  for (let at = cell; at < words.length; at += ROW) sum += Atomics.load(words, at);
  return sum;
}
