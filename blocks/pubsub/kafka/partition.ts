// One partition that a subscription reads: its records in order, which of them may be handed out, and the offset below which
// all are settled. Only that may be committed: whoever reads after us begins there.
import type { KafkaBatch, KafkaMessage } from '../../clients/kafka/member.ts';
import { Fifo } from '../fifo.ts';

/** A record until it is below the watermark. */
export interface Entry {
  readonly partition: KafkaPartition;
  readonly offset: number;
  /** Undefined: no order. */
  readonly key: string | undefined;
  /** Dropped when it is settled; the place in the order stays. */
  message: KafkaMessage | undefined;
  /** Failed deliveries. */
  attempt: number;
}

/** Records of one ordering key. */
interface Lane {
  /** May be handed out, are, or wait for their next delivery. */
  open: number;
  /** Of these: wait for their next delivery. Nothing follows before they have had it. */
  failing: number;
  readonly behind: Fifo<Entry>;
}

export type KeyOf = (partition: number, message: KafkaMessage) => string | undefined;

export class KafkaPartition {
  readonly number: number;
  readonly #keyOf: KeyOf;
  /** Records of one key that may be open at a time. */
  readonly #width: number;
  /** In the order of offsets; the first one is not settled. */
  readonly #entries = new Fifo<Entry>();
  /** Taken in, and not looked at yet. */
  readonly #queued = new Fifo<Entry>();
  /** May be handed out now, whatever their key. */
  readonly #free = new Fifo<Entry>();
  readonly #lanes = new Map<string, Lane>();
  /** The offset that comes next; undefined: whatever comes. */
  #next: number | undefined;
  #unsettled = 0;
  /** Of the last commit that was not refused. */
  committed: number | undefined;
  /** Nothing more is fetched until it is resumed. */
  paused = false;

  constructor(number: number, keyOf: KeyOf, width: number) {
    this.number = number;
    this.#keyOf = keyOf;
    this.#width = width;
  }

  /** Records that are not settled. */
  get unsettled(): number {
    return this.#unsettled;
  }

  /** Records kept, settled ones among them that wait for one before them. */
  get kept(): number {
    return this.#entries.length;
  }

  /** All before it is settled. Undefined: nothing has come yet. */
  get watermark(): number | undefined {
    return this.#entries.peek()?.offset ?? this.#next;
  }

  /** Reading begins here, and that is committed. */
  startAt(offset: number): void {
    if (this.#entries.length > 0) return;
    this.#next = this.committed = offset;
  }

  /**
   * Takes in records. Those that are here already are passed over: when a group is dealt out anew, fetching begins at what
   * was committed. @returns false when the batch lies beyond what was expected, so that what is kept is void: start anew
   */
  add({ fromOffset, lastOffset, messages }: KafkaBatch): boolean {
    if (this.#next !== undefined && fromOffset > this.#next) return false;
    for (const message of messages) {
      const offset = Number(message.offset);
      if (this.#next !== undefined && offset < this.#next) continue;
      const entry: Entry = { partition: this, offset, key: this.#keyOf(this.number, message), message, attempt: 0 };
      this.#entries.push(entry);
      this.#queued.push(entry);
      this.#unsettled++;
    }
    this.#next = Math.max(this.#next ?? 0, lastOffset + 1);
    return true;
  }

  /** The next record to hand out, or undefined while none may be. */
  take(): Entry | undefined {
    const free = this.#free.shift();
    if (free !== undefined) return free;
    for (let entry = this.#queued.shift(); entry !== undefined; entry = this.#queued.shift()) {
      if (entry.key === undefined) return entry;
      const lane = this.#laneOf(entry.key);
      if (lane.behind.length === 0 && this.#hasRoom(lane)) {
        lane.open++;
        return entry;
      }
      lane.behind.push(entry);
    }
    return undefined;
  }

  /** It is done with. */
  settle(entry: Entry): void {
    entry.message = undefined;
    this.#unsettled--;
    while (this.#entries.peek()?.message === undefined && this.#entries.length > 0) this.#entries.shift();
    if (entry.key === undefined) return;
    const lane = this.#laneOf(entry.key);
    lane.open--;
    this.#advance(entry.key, lane);
  }

  /** It failed and waits for its next delivery: what comes behind it waits, too. */
  fail(entry: Entry): void {
    entry.attempt++;
    if (entry.key !== undefined) this.#laneOf(entry.key).failing++;
  }

  /** Its wait is over. */
  retry(entry: Entry): void {
    if (entry.key !== undefined) this.#laneOf(entry.key).failing--;
    this.#free.push(entry);
  }

  /** It was handed out and not tried. */
  giveBack(entry: Entry): void {
    this.#free.push(entry);
  }

  #hasRoom({ open, failing }: Lane): boolean {
    return open < this.#width && failing === 0;
  }

  #advance(key: string, lane: Lane): void {
    while (lane.behind.length > 0 && this.#hasRoom(lane)) {
      lane.open++;
      this.#free.push(lane.behind.shift() as Entry);
    }
    if (lane.open === 0 && lane.behind.length === 0) this.#lanes.delete(key);
  }

  #laneOf(key: string): Lane {
    let lane = this.#lanes.get(key);
    if (lane === undefined) this.#lanes.set(key, (lane = { open: 0, failing: 0, behind: new Fifo() }));
    return lane;
  }
}
