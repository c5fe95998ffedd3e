// What the supervisor and a gateway's thread say to each other, over the port that the thread was born with: flat records, as
// structured clones. The supervisor's questions are answered in order of their making unless they say otherwise; calls of clients
// never come this way.
import type { LaneEnd } from '../../ipc/lane.ts';
import type { Flight } from '../../ipc/vitals.ts';
import type { Failure, GrpcCode } from '../../proto/errors.ts';
import type { LogSettings } from '../../proto/init.ts';
import type { PackedMeasures } from '../../proto/measures.ts';
import type { ApiConfig, AppConfig, Config } from '../config.ts';
import type { SeatSpec } from '../compartments.ts';
import type { Configuration } from '../configuration.ts';
import type { SharedPlaces } from '../gateway.ts';
import type { WaitingBytes } from '../metrics/compartments.ts';
import type { Evidence, PackedSuspect } from '../poison.ts';
import type { KernelCall } from '../switch.ts';

/** What a gateway's thread is born with. Stays in this process: it holds the API token. */
export interface GatewayStart {
  /** From 0. */
  readonly index: number;
  readonly config: PlainConfig;
  readonly logging: LogSettings;
  /** Descriptor that log lines go to. */
  readonly logFd: number;
  /** Texts that must not appear in any line. */
  readonly conceal: readonly string[];
  /** Routes that the kernel answers itself. */
  readonly own: readonly number[];
}

/** A Config that can be cloned: the API's token is its text, the application's is left out. */
export type PlainConfig = Omit<Config, 'api' | 'app'> & { readonly api: Omit<ApiConfig, 'token'> & { readonly token: string }; readonly app: Omit<AppConfig, 'token'> };

/** How a life's lane ended, and what was under way on it. */
export interface LaneStory {
  /** False: the gateway never had a lane into that life. */
  readonly had: boolean;
  readonly evidence: readonly Evidence[];
  readonly flights: readonly Flight[];
}

/** From the supervisor. `place` is a compartment's number, `life` a life's in it. */
export type Order =
  /** Opens the listeners; answered with a Bound. */
  | { readonly kind: 'listen'; readonly configuration: Configuration; readonly places: SharedPlaces }
  | { readonly kind: 'apply'; readonly configuration: Configuration }
  | { readonly kind: 'place'; readonly place: number; readonly spec: SeatSpec; readonly tally: SharedArrayBuffer; readonly suspects: readonly PackedSuspect[] }
  | { readonly kind: 'admit'; readonly place: number; readonly admitted: boolean }
  | { readonly kind: 'attach'; readonly place: number; readonly life: number; readonly lane: LaneEnd; /** False: it turns the supervisor's own loop. */ readonly isWatched: boolean }
  /** Answered when the block has taken all that the gateway had sent. */
  | { readonly kind: 'suspend'; readonly place: number }
  | { readonly kind: 'rest'; readonly place: number; readonly limitMs: number }
  | { readonly kind: 'resume'; readonly place: number }
  /** Answered with a LaneStory when the lane has ended, too. */
  | { readonly kind: 'died'; readonly place: number; readonly life: number }
  /** The life is over, or about to be closed: its lane is closed with whatever is left on it. */
  | { readonly kind: 'detach'; readonly place: number; readonly life: number; readonly why: string }
  /** Answered when no call is left on the life's lane. */
  | { readonly kind: 'finished'; readonly place: number; readonly life: number }
  | { readonly kind: 'suspects'; readonly place: number; readonly suspects: readonly PackedSuspect[] }
  /** No life will follow; nothing more is said of the place. */
  | { readonly kind: 'close-place'; readonly place: number }
  /** Answered with a GatewayReport. */
  | { readonly kind: 'report' }
  /** Answered from the event loop, at once. */
  | { readonly kind: 'ping' }
  /** Answered when no call is left, or time is up. */
  | { readonly kind: 'drain'; readonly graceMs: number };

export interface GatewayReport {
  readonly connections: number;
  readonly measures: PackedMeasures;
  /** By compartment. */
  readonly waiting: ReadonlyMap<string, WaitingBytes>;
}

/** An order with a number that its answer has, too. */
export interface Ordered {
  readonly number: number;
  readonly order: Order;
}

/** The supervisor's word on a call that a gateway asked it: first, perhaps, that it has it. */
export interface Answered {
  readonly call: number;
  readonly answer: 'taken' | { readonly status: number; readonly headers: readonly string[] | undefined; readonly body: Uint8Array } | { readonly failure: Failure } | { readonly code: GrpcCode; readonly message: string; readonly details: Uint8Array | undefined };
}

export type FromSupervisor = Ordered | Answered;

/** From a gateway. */
export type FromGateway =
  | { readonly kind: 'done'; readonly number: number; readonly result: unknown }
  /** `fatal`: the sidecar must not start for it. */
  | { readonly kind: 'failed'; readonly number: number; readonly message: string; readonly fatal: boolean }
  /** A call of a method that the kernel answers itself. */
  | { readonly kind: 'ask'; readonly call: number; readonly route: number; readonly asked: KernelCall }
  /** A call waits for a life. */
  | { readonly kind: 'wanted'; readonly place: number }
  /** The present life has been given something to do, and nobody watches it. */
  | { readonly kind: 'wake'; readonly place: number }
  /** A lane ended that nobody had asked to end. */
  | { readonly kind: 'lane-ended'; readonly place: number; readonly life: number; readonly violation: string | undefined }
  /** A block that has calls on a lane does nothing about it. */
  | { readonly kind: 'lane-hangs'; readonly place: number; readonly life: number; readonly silentMs: number }
  | { readonly kind: 'acquitted'; readonly place: number; readonly digest: string }
  /** A trial ended without a verdict. */
  | { readonly kind: 'adjourned'; readonly place: number; readonly digest: string };
