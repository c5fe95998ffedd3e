// What is written down as it comes: one record for each window, start and kill. Everything that is shown is made from these.
import type { Cell, Mode, Operation } from './names.ts';
import type { Part } from './options.ts';
import type { StartKind } from './launch.ts';

interface OfCell {
  readonly mode: Mode;
  readonly operation: Operation;
  readonly bytes: number | undefined;
  readonly round: number;
}

/** What a mode can do, from the first pass. */
export interface CapacityRecord extends OfCell {
  readonly kind: 'capacity';
  readonly perSecond: number;
}

/** The rate at which all modes are asked. */
export interface RateRecord {
  readonly kind: 'rate';
  readonly operation: Operation;
  readonly bytes: number | undefined;
  readonly perSecond: number;
}

interface WindowRecord extends OfCell {
  readonly perSecond: number;
  /** Processor time per call of kernel, blocks and block servers; and of the application, where messages are delivered. */
  readonly cpuUs: number;
  readonly appUs?: number | undefined;
  readonly p50Us: number;
  readonly p99Us: number;
  /** Share of a core that the generator used. */
  readonly load: number;
  readonly errors: number;
  readonly firstError?: string | undefined;
}

/** A closed loop. */
export interface SaturationRecord extends WindowRecord {
  readonly kind: 'saturation';
}

/** An open loop at the cell's rate. */
export interface PacedRecord extends WindowRecord {
  readonly kind: 'paced';
  readonly calls: number;
  readonly p999Us: number;
  readonly maxUs: number;
  readonly histogram: readonly number[];
}

/** Memory of all its processes at the end of a round. */
export interface MemoryRecord {
  readonly kind: 'memory';
  readonly mode: Mode;
  readonly round: number;
  readonly pssMib: number;
}

export interface StartRecord {
  readonly kind: 'start';
  readonly mode: Mode;
  readonly how: StartKind;
  readonly round: number;
  /** From launch to the first 204 of /v1.0/healthz. */
  readonly readyMs: number;
  /** At rest. */
  readonly pssMib: number;
  readonly processes: number;
}

/** What is killed. `block`: the process of the state block. `server`: the whole block server, as when its container is killed. `sidecar`: all there is. */
export const VICTIMS = ['block', 'server', 'sidecar'] as const;
export type Victim = (typeof VICTIMS)[number];

export interface KillRecord {
  readonly kind: 'kill';
  readonly mode: Mode;
  readonly victim: Victim;
  readonly round: number;
  readonly figures: KillFigures;
}

/** After the kill; milliseconds. */
export interface KillFigures {
  readonly otherCalls: number;
  readonly otherErrors: number;
  /** The longest time in which an operation of another block was not answered; and before the kill. */
  readonly otherGapMs: number;
  readonly calmGapMs: number;
  readonly calmP99Ms: number;
  readonly otherP99Ms: number;
  readonly getErrors: number;
  readonly setErrors: number;
  readonly blockCalls: number;
  /** The same of the operations of the state block. */
  readonly blockGapMs: number;
  /** From the kill to the first answer to a call of the state block that was made when its process was gone; undefined when none came. */
  readonly recoveryMs: number | undefined;
  /** Messages that were taken and never arrived. */
  readonly messagesLost: number;
}

/** Something that a mode could not do here. */
export interface FaultRecord {
  readonly kind: 'fault';
  readonly part: Part;
  readonly mode: Mode;
  readonly what: string;
  readonly reason: string;
}

export type Entry = CapacityRecord | RateRecord | SaturationRecord | PacedRecord | MemoryRecord | StartRecord | KillRecord | FaultRecord;

/** By this a record is known again, when an interrupted run goes on; undefined for one that is to be tried anew. */
export function keyOf(entry: Entry): string | undefined {
  switch (entry.kind) {
    case 'capacity':
    case 'saturation':
    case 'paced':
      return windowKey(entry.kind, entry, entry.mode, entry.round);
    case 'rate':
      return rateKey(entry);
    case 'memory':
      return memoryKey(entry.mode, entry.round);
    case 'start':
      return startKey(entry.mode, entry.how, entry.round);
    case 'kill':
      return killKey(entry.mode, entry.victim, entry.round);
    case 'fault':
      return undefined;
  }
}

export const windowKey = (kind: 'capacity' | 'saturation' | 'paced', { operation, bytes }: Cell, mode: Mode, round: number): string => `${kind} ${operation} ${bytes ?? ''} ${mode} ${round}`;
export const rateKey = ({ operation, bytes }: Cell): string => `rate ${operation} ${bytes ?? ''}`;
export const memoryKey = (mode: Mode, round: number): string => `memory ${mode} ${round}`;
export const startKey = (mode: Mode, how: StartKind, round: number): string => `start ${mode} ${how} ${round}`;
export const killKey = (mode: Mode, victim: Victim, round: number): string => `kill ${mode} ${victim} ${round}`;
