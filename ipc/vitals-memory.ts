// Vitals as they lie in a shared segment: the block writes with plain stores, the kernel reads when it wants to know. The block
// may die between any two stores, and may write anything: the reader takes only what makes sense.
import { BEATS, FLIGHTS, FLIGHT_TABLE, FLIGHT_WORDS, TEXT, TEXT_BYTES, WORDS } from './layout.ts';
import type { BlackBox, Flight, OwnVitals, PeerVitals } from './vitals.ts';

const MAX_METHOD = 0xffff;
/** Control characters, and what else ends a line: what a block says comes into logs. */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029]+/gu;

/** A slot's first word: the ids of one side are all odd or all even. */
const slotOf = (call: number): number => ((call >>> 1) & (FLIGHTS - 1)) * FLIGHT_WORDS;

/** Of side b. */
export class VitalsWriter implements OwnVitals {
  readonly #beats: Int32Array;
  #flights: Uint32Array;
  readonly #words: Int32Array;
  readonly #text: Buffer;
  #count = 0;
  #began = 0;

  constructor(buffer: ArrayBufferLike) {
    this.#beats = new Int32Array(buffer, BEATS, 1);
    this.#flights = new Uint32Array(buffer, FLIGHT_TABLE, FLIGHTS * FLIGHT_WORDS);
    this.#words = new Int32Array(buffer, WORDS, 1);
    this.#text = Buffer.from(buffer, TEXT, TEXT_BYTES);
  }

  /** It has looked at its channel. */
  beat(): void {
    this.#beats[0] = this.#count = (this.#count + 1) | 0; // no fence: whenever the kernel sees it is soon enough
  }

  began(call: number, method: number): void {
    const flights = this.#flights;
    const slot = slotOf(call);
    flights[slot] = 0; // nobody sees the new method beside the old call
    flights[slot + 1] = method;
    flights[slot + 2] = this.#began = (this.#began + 1) >>> 0;
    flights[slot] = call;
  }

  finished(call: number): void {
    const slot = slotOf(call);
    if (this.#flights[slot] === call) this.#flights[slot] = 0; // else a newer call has taken the slot
  }

  /** The channel has ended: what is finished late may not be taken for a call of the channel that has the memory next. */
  silence(): void {
    this.#flights = new Uint32Array(0); // stores beyond its end go nowhere
  }

  lastWords(text: string): void {
    if (this.#words.length === 0) return; // the memory is gone
    Atomics.store(this.#words, 0, 0);
    const bytes = this.#text.write(text); // whole characters only
    Atomics.store(this.#words, 0, bytes); // pairs with the load in `readBlackBox`
  }
}

/** Of side a. */
export class VitalsReader implements PeerVitals {
  readonly nudge: () => void;
  readonly #buffer: ArrayBufferLike;
  readonly #beats: Int32Array;
  /** What there was to read when the memory went. */
  #last: { readonly beats: number; readonly blackBox: BlackBox } | undefined;

  constructor(buffer: ArrayBufferLike, nudge: () => void) {
    this.#buffer = buffer;
    this.#beats = new Int32Array(buffer, BEATS, 1);
    this.nudge = nudge;
  }

  get beats(): number {
    return this.#last === undefined ? Atomics.load(this.#beats, 0) : this.#last.beats;
  }

  get blackBox(): BlackBox {
    return this.#last === undefined ? readBlackBox(this.#buffer) : this.#last.blackBox;
  }

  /** The channel has ended, and the memory goes. */
  keep(): void {
    const { beats, blackBox } = this;
    this.#last = { beats, blackBox };
  }
}

function readBlackBox(buffer: ArrayBufferLike): BlackBox {
  // A copy before anything is checked: the block may still write.
  const table = new Uint32Array(buffer, FLIGHT_TABLE, FLIGHTS * FLIGHT_WORDS).slice();
  return { flights: flightsIn(table), lastWords: lastWordsIn(buffer) };
}

function flightsIn(table: Uint32Array): readonly Flight[] {
  const found: (Flight & { readonly began: number })[] = [];
  for (let slot = 0; slot < table.length; slot += FLIGHT_WORDS) {
    const [call, method, began] = table.subarray(slot, slot + FLIGHT_WORDS) as unknown as readonly [number, number, number];
    if ((call & 1) === 1 && slotOf(call) === slot && method <= MAX_METHOD) found.push({ call, method, began });
  }
  found.sort((a, b) => (a.began - b.began) | 0); // the count may have started over
  return found.map(({ call, method }) => ({ call, method }));
}

function lastWordsIn(buffer: ArrayBufferLike): string {
  const bytes = Atomics.load(new Int32Array(buffer, WORDS, 1), 0); // pairs with the store in `lastWords`
  if (bytes <= 0 || bytes > TEXT_BYTES) return '';
  const text = Buffer.from(new Uint8Array(buffer, TEXT, bytes)); // a copy, for the same reason
  return text.toString().replace(UNPRINTABLE, ' ').trim();
}
