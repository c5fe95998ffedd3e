// One watcher on one stream of its own: etcd's answers become whole revisions, in order, each told once.
import type { IEvent, IWatchResponse } from 'etcd3';
import { CallFailure, failureOf } from './failures.ts';
import type { WatchCall } from './grpc.ts';
import type { Link } from './link.ts';
import type { Bounds } from './wire.ts';

/** The watcher that an answer to a progress request names: none. */
const NOBODY = '-1';
const CANCELLED_WITHOUT_REASON = 'etcd ended the watch';

export interface WatchStreamListener {
  /** It listens: what happens from the first revision on will be told. */
  created(): void;
  /** All that one revision changed. */
  changed(events: readonly IEvent[], revision: number): void;
  /** All changes up to this revision were told. */
  passed(revision: number): void;
  /** The answer to `askProgress`: the store's revision. */
  progress(revision: number): void;
  /** Nothing follows. @param cause `compacted`: the changes from the first revision on are not there any more */
  ended(cause: CallFailure | 'compacted'): void;
}

export class WatchStream {
  readonly #link: Link;
  readonly #listener: WatchStreamListener;
  readonly #stream: WatchCall;
  readonly #timer: NodeJS.Timeout;
  /** The first revision that was not told yet. */
  #next: number;
  /** Events of an answer whose rest is still to come. */
  #parts: IEvent[] = [];
  #over = false;

  /**
   * @param from the first revision
   * @param timeoutMs in which it has to be created
   * @throws CallFailure if the link has ended
   */
  constructor(link: Link, bounds: Bounds, from: number, timeoutMs: number, listener: WatchStreamListener) {
    this.#link = link;
    this.#listener = listener;
    this.#next = from;
    this.#stream = link.openWatch();
    this.#stream.on('data', (answer) => this.#onAnswer(answer));
    this.#stream.on('error', (status) => this.#end(failureOf(status)));
    this.#stream.on('end', () => this.#end(new CallFailure('lost', 'etcd ended the stream of the watch')));
    this.#stream.write({ create_request: { ...bounds, start_revision: from, progress_notify: true, fragment: true } });
    this.#timer = setTimeout(() => {
      this.#end(new CallFailure('silent', `no answer within ${timeoutMs} ms`));
      void link.check();
    }, timeoutMs).unref();
  }

  /** `progress` follows, if the watch is alive. */
  askProgress(): void {
    if (!this.#over) this.#stream.write({ progress_request: {} });
  }

  /** Nothing is told any more. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#stream.cancel();
  }

  #onAnswer(answer: IWatchResponse): void {
    this.#link.heard();
    if (this.#over) return;
    if (answer.canceled) this.#end(causeOf(answer));
    else if (answer.created) {
      clearTimeout(this.#timer);
      this.#listener.created();
    } else if (answer.events.length > 0 || answer.fragment || this.#parts.length > 0) this.#onEvents(answer);
    else if (answer.watch_id === NOBODY) this.#listener.progress(Number(answer.header.revision));
    else this.#pass(Number(answer.header.revision));
  }

  #onEvents({ events, fragment }: IWatchResponse): void {
    this.#parts.push(...events);
    if (fragment) return;
    const byRevision = Map.groupBy(this.#parts, ({ kv }) => Number(kv.mod_revision));
    this.#parts = [];
    for (const [revision, changes] of [...byRevision].sort(([a], [b]) => a - b)) {
      if (this.#over) return; // the listener has closed it
      if (revision < this.#next) continue;
      this.#next = revision + 1;
      this.#listener.changed(changes, revision);
    }
  }

  #pass(revision: number): void {
    this.#next = Math.max(this.#next, revision + 1);
    this.#listener.passed(revision);
  }

  #end(cause: CallFailure | 'compacted'): void {
    if (this.#over) return;
    this.close();
    this.#listener.ended(cause);
  }
}

function causeOf({ compact_revision: compacted, cancel_reason: reason }: IWatchResponse): CallFailure | 'compacted' {
  if (compacted !== '0') return 'compacted';
  if (reason === '') return new CallFailure('lost', CANCELLED_WITHOUT_REASON);
  return /permission denied/.test(reason) ? new CallFailure('refused', reason) : new CallFailure('lost', reason);
}
