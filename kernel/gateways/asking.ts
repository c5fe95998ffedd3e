// The methods that the kernel answers itself, in a gateway's thread: the supervisor is asked, and whoever called is told so when it
// does not even say that it has the question.
import { Grpc } from '../../proto/errors.ts';
import type { Answer } from '../call.ts';
import type { KernelMethod } from '../switch.ts';
import type { Answered, FromGateway } from './protocol.ts';

/** A supervisor that does not say by then that it has a question, is not there for it. */
const SILENCE_MS = 2_000;
/** Questions at once: more are refused. */
const MOST_QUESTIONS = 1_000;

interface Question {
  readonly answer: Answer;
  readonly timer: NodeJS.Timeout;
}

export class Questions {
  readonly #post: (message: FromGateway) => void;
  readonly #open = new Map<number, Question>();
  #last = 0;

  constructor(post: (message: FromGateway) => void) {
    this.#post = post;
  }

  /** By route, for the switch. */
  methods(routes: readonly number[]): ReadonlyMap<number, KernelMethod> {
    return new Map(routes.map((route) => [route, (asked, answer) => this.#ask(route, asked, answer)]));
  }

  /** The supervisor has said something. */
  answered({ call, answer }: Answered): void {
    const question = this.#open.get(call);
    if (question === undefined) return; // it was late
    clearTimeout(question.timer);
    if (answer === 'taken') return;
    this.#open.delete(call);
    if ('status' in answer) question.answer.onAnswer(answer.status, answer.headers, answer.body);
    else if ('failure' in answer) question.answer.onRefusal(answer.failure);
    else question.answer.onFailure(answer.code, answer.message, answer.details);
  }

  #ask(route: number, asked: Parameters<KernelMethod>[0], answer: Answer): void {
    if (this.#open.size >= MOST_QUESTIONS) return answer.onRefusal(unanswered(`more than ${MOST_QUESTIONS} calls wait for it`));
    const call = ++this.#last;
    const timer = setTimeout(() => {
      this.#open.delete(call);
      answer.onRefusal(unanswered(`it has not answered within ${SILENCE_MS} ms`));
    }, SILENCE_MS);
    this.#open.set(call, { answer, timer });
    // The body's bytes are a copy: what it is a part of may be large, and is the listener's.
    this.#post({ kind: 'ask', call, route, asked: { ...asked, body: new Uint8Array(asked.body) } });
  }
}

function unanswered(why: string) {
  return { grpc: Grpc.UNAVAILABLE, http: 503, code: 'ERR_SUPERVISOR_SILENT', message: `the sidecar's supervisor can't be asked: ${why}` } as const;
}
