// Calls over which a block dies. One that was in flight at several deaths in a row is refused from then on, because whoever sent
// it will send it again. What is known of a call is its digest, never its key or its body; and nothing is computed for any call
// while nobody is under suspicion.
import type { Hash } from 'node:crypto';
import { Flag } from '../ipc/frame.ts';
import { packHead } from '../ipc/head.ts';
import type { PackedHttpHead } from '../proto/control.ts';
import type { Log } from '../proto/log.ts';
import type { CallRequest } from './call.ts';

/** Digests that are remembered; beyond that the ones not seen for the longest time go. */
export const MAX_DIGESTS = 1_000;
/** Calls that one death may bring under suspicion, and bytes of them that are read for it. */
export const MAX_BLAMED = 64;
const MAX_HASHED_BYTES = 8 * 1024 * 1024;
/** Without such a call for so long, what is held against it is forgotten. */
export const FORGET_MS = 10 * 60_000;
/**
 * A call that was not alone at the deaths may be innocent: a read that many clients repeat is easily in flight whenever another
 * call kills the block. So long after one of its kind was refused first, one is let through, one of all kinds at a time; twice as
 * long after the death that this brings, and so on, up to FORGET_MS.
 */
export const PAROLE_MS = 60_000;
/** Digits of a digest that a log line shows. */
const SHOWN = 16;
/** Differ from call to call, whatever is asked. */
const PER_CALL: ReadonlySet<string> = new Set(['traceparent', 'tracestate', 'grpc-trace-bin']);

export interface Suspect {
  readonly digest: string;
  /** Of the route, for the log. */
  readonly route: string;
  /** In a row. */
  readonly deaths: number;
}

/** A call that a life was working on when it ended, as far as it has to be known. */
export interface Evidence {
  readonly digest: string;
  readonly route: string;
  /** What can be seen of it without a digest. */
  readonly kin: number;
}

/** What is known of one kind of calls, as it goes from one thread to another: each has a clock of its own. */
export interface PackedSuspect extends Evidence {
  readonly deaths: number;
  /** So long ago one was seen, in milliseconds. */
  readonly unseenMs: number;
  /** In so long one may be let through; Infinity: never. */
  readonly paroleInMs: number;
}

/** Where several threads take calls of one block: what one of them finds out is the others' business. */
export interface Fellows {
  /** Whether the one call that may be let through is this thread's to let through; then it is until `tried`. */
  claimTrial(): boolean;
  /** That call is over; `digest`: without a verdict. */
  tried(digest: string | undefined): void;
  acquitted(digest: string): void;
}

interface Known extends Suspect {
  readonly kin: number;
  deaths: number;
  /** On the monotonic clock: when a call like this was last seen. */
  seenMs: number;
  /** When one may be let through again, to see; Infinity: never. */
  paroleMs: number;
}

export interface PoisonOptions {
  /** The compartment, for the log. */
  readonly block: string;
  /** Deaths in a row that make a call poison; 0: none do. */
  readonly deaths: number;
  readonly log?: Pick<Log, 'error' | 'info'>;
  /** The monotonic clock. */
  readonly now?: () => number;
  /** Absent: nobody else takes calls of the block. */
  readonly fellows?: Fellows;
}

export class Poison {
  readonly #options: PoisonOptions;
  readonly #now: () => number;
  /** By digest, those not seen for the longest time first. */
  readonly #known = new Map<string, Known>();
  /** How many of them are alike as far as can be seen without a digest. */
  readonly #kin = new Map<number, number>();
  /** The one call of a poisonous kind that was let through. */
  #trial: { readonly request: CallRequest; readonly known: Known } | undefined;

  constructor(options: PoisonOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Whether anything is held against any call: the only question that each call costs. */
  get alert(): boolean {
    return this.#known.size > 0;
  }
  /** Kinds of calls that are refused. */
  get refusedKinds(): number {
    let kinds = 0;
    for (const known of this.#known.values()) if (this.#isPoison(known)) kinds++;
    return kinds;
  }
  /** How many deaths in a row it takes; 0: calls never are poison. */
  get limit(): number {
    return this.#options.deaths;
  }

  /** What is held against calls like this one. */
  suspicionOf(request: CallRequest): Suspect | undefined {
    this.#forgetOld();
    if (!this.#kin.has(kinOf(request))) return undefined;
    const known = this.#known.get(digestOf(request));
    if (known !== undefined) this.#see(known);
    return known;
  }

  /** Whether this very call, of a kind that `suspicionOf` knows, is refused. */
  refuses(request: CallRequest, suspect: Suspect): boolean {
    const known = this.#known.get(suspect.digest);
    if (known === undefined || !this.#isPoison(known) || this.#trial?.request === request) return false;
    if (this.#trial !== undefined || this.#now() < known.paroleMs || this.#options.fellows?.claimTrial() === false) return true;
    this.#trial = { request, known };
    this.#options.log?.info({}, `a call of ${name(known)} is let through: such calls were not alone at the deaths of the ${this.#options.block} block`);
    return false;
  }

  /** The block lived on and answered, whatever it answered. */
  acquit({ digest }: Pick<Suspect, 'digest'>): void {
    const known = this.#known.get(digest);
    if (known === undefined) return;
    if (this.#isPoison(known) && this.#options.fellows === undefined) this.#options.log?.info({}, `calls of ${name(known)} are taken again: the ${this.#options.block} block has answered one`);
    this.#remove(known);
    this.#options.fellows?.acquitted(digest);
  }

  /** That call is over, and it was not the block that ended it unless it was acquitted. */
  settled(request: CallRequest): void {
    if (this.#trial?.request === request) this.#adjourn();
  }

  /** A life has ended, and nobody had asked it to. @param suspects what it was working on, the likeliest first. */
  lifeEnded(suspects: Iterable<CallRequest>): void {
    if (this.limit > 0) this.blame(evidenceOf(suspects));
  }

  /** The same, of calls that others know. */
  blame(evidence: readonly Evidence[]): void {
    if (this.limit === 0) return;
    this.#forgetOld();
    const blamed = this.#blame(evidence);
    this.#adjourn();
    for (const known of blamed) if (this.#isPoison(known)) this.#condemn(known, blamed.size === 1);
    for (const known of this.#known.values()) if (!this.#isPoison(known) && !blamed.has(known)) this.#remove(known); // not in a row
    for (const known of this.#known.values()) {
      if (this.#known.size <= MAX_DIGESTS) break;
      this.#remove(known);
    }
  }

  /** The block is not what it was: nothing that was known of it counts. */
  clear(): void {
    this.#known.clear();
    this.#kin.clear();
    this.#endTrial(undefined);
  }

  /** All that is known, for another thread that takes calls of the block. */
  tell(): PackedSuspect[] {
    const now = this.#now();
    return [...this.#known.values()].map(({ digest, route, kin, deaths, seenMs, paroleMs }) => ({ digest, route, kin, deaths, unseenMs: now - seenMs, paroleInMs: paroleMs - now }));
  }

  /** What is known elsewhere counts from now on, and nothing else. */
  learn(suspects: readonly PackedSuspect[]): void {
    const now = this.#now();
    const trial = this.#trial;
    this.#known.clear();
    this.#kin.clear();
    for (const { digest, route, kin, deaths, unseenMs, paroleInMs } of suspects) {
      const known = { digest, route, kin, deaths, seenMs: now - unseenMs, paroleMs: now + paroleInMs };
      this.#add(known);
      if (trial?.known.digest === digest) this.#trial = { request: trial.request, known };
    }
    if (trial !== undefined && !this.#known.has(trial.known.digest)) this.#endTrial(undefined);
  }

  /** A trial elsewhere ended without a verdict. */
  adjourn(digest: string): void {
    const known = this.#known.get(digest);
    if (known !== undefined) known.paroleMs = Math.max(known.paroleMs, this.#now() + PAROLE_MS);
  }

  #blame(evidence: readonly Evidence[]): Set<Known> {
    const blamed = new Set<Known>();
    for (const { digest, route, kin } of evidence) {
      if (blamed.size >= MAX_BLAMED) break;
      const known = this.#known.get(digest) ?? this.#add({ digest, route, kin, deaths: 0, seenMs: 0, paroleMs: Infinity });
      if (blamed.has(known)) continue;
      blamed.add(known);
      known.deaths++;
      this.#see(known);
    }
    return blamed;
  }

  #add(known: Known): Known {
    this.#known.set(known.digest, known);
    this.#kin.set(known.kin, (this.#kin.get(known.kin) ?? 0) + 1);
    return known;
  }

  #see(known: Known): void {
    known.seenMs = this.#now();
    this.#known.delete(known.digest); // last seen, last in order
    this.#known.set(known.digest, known);
  }

  #remove(known: Known): void {
    this.#known.delete(known.digest);
    const left = (this.#kin.get(known.kin) ?? 0) - 1;
    if (left > 0) this.#kin.set(known.kin, left);
    else this.#kin.delete(known.kin);
    if (this.#trial?.known === known) this.#endTrial(undefined);
  }

  #forgetOld(): void {
    const beforeMs = this.#now() - FORGET_MS;
    for (const known of this.#known.values()) {
      if (known.seenMs >= beforeMs) return;
      this.#remove(known);
    }
  }

  #condemn(known: Known, alone: boolean): void {
    const { block, log } = this.#options;
    known.paroleMs = alone ? Infinity : this.#now() + Math.min(FORGET_MS, PAROLE_MS * 2 ** (known.deaths - this.limit));
    if (known.deaths > this.limit) return; // that has been said
    log?.error({}, `calls of ${name(known)} are refused from now on: such a call was in flight at each of the last ${known.deaths} deaths of the ${block} block`);
  }

  /** The trial ends without a verdict; there will be another one. */
  #adjourn(): void {
    if (this.#trial === undefined) return;
    const { known } = this.#trial;
    known.paroleMs = this.#now() + PAROLE_MS;
    this.#endTrial(known.digest);
  }

  /** @param adjourned the digest, where there is no verdict */
  #endTrial(adjourned: string | undefined): void {
    if (this.#trial === undefined) return;
    this.#trial = undefined;
    this.#options.fellows?.tried(adjourned);
  }

  #isPoison({ deaths }: Known): boolean {
    return this.limit > 0 && deaths >= this.limit;
  }
}

/** What is held against the calls that a life was working on, the likeliest first; each kind once, and not more than one death may blame. */
export function evidenceOf(suspects: Iterable<CallRequest>): Evidence[] {
  const evidence = new Map<string, Evidence>();
  let bytes = 0;
  for (const request of suspects) {
    if (evidence.size >= MAX_BLAMED || bytes > MAX_HASHED_BYTES) break;
    bytes += request.body.length;
    const digest = digestOf(request);
    if (!evidence.has(digest)) evidence.set(digest, { digest, route: request.route.name, kin: kinOf(request) });
  }
  return [...evidence.values()];
}

function name({ route, digest }: Pick<Suspect, 'route' | 'digest'>): string {
  return `${route} with digest ${digest.slice(0, SHOWN)}`;
}

/** What can be seen of a call without reading it: route, protocol, and the body's length. Below 2^53. */
function kinOf({ route, flags, body }: CallRequest): number {
  return body.length * 2 ** 17 + route.id * 2 + (flags & Flag.HTTP);
}

/** The same for calls that ask for the same thing. SHA-256, in hex. */
function digestOf({ route, flags, head, body }: CallRequest): string {
  const hash: Hash = process.getBuiltinModule('node:crypto').createHash('sha256'); // loaded on first use: most sidecars never need it
  const packed = packHead(withoutTrace(head));
  const lead = Buffer.alloc(7);
  lead.writeUInt16LE(route.id, 0);
  lead[2] = flags & Flag.HTTP;
  lead.writeUInt32LE(packed.length, 3);
  return hash.update(lead).update(packed).update(body).digest('hex');
}

function withoutTrace(head: unknown): unknown {
  const [params, query, headers] = (head as PackedHttpHead | undefined) ?? [];
  if (headers === undefined) return head;
  const kept: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) if (!PER_CALL.has(headers[i] as string)) kept.push(headers[i] as string, headers[i + 1] as string);
  return [params, query, kept];
}
