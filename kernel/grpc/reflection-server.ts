// Serves reflection as a stream of the kernel's own: each question has one answer. What answers is loaded with the first question.
import { Grpc, messageOf } from '../../proto/errors.ts';
import { INITIAL_CREDIT } from '../../ipc/calls.ts';
import type { CallRequest, StreamAnswer, StreamTicket } from '../seat.ts';
import type { AnswerReflection } from './reflection.ts';
import { SERVICES } from './services.ts';
import type { StreamServer } from './stream-exchange.ts';

export class ReflectionServer implements StreamServer {
  #answers: Promise<AnswerReflection> | undefined;

  openStream(_request: CallRequest, answer: StreamAnswer): StreamTicket {
    this.#answers ??= import('./reflection.ts').then(({ reflectionAnswers }) => reflectionAnswers(SERVICES));
    return new Reflection(this.#answers, answer);
  }
}

class Reflection implements StreamTicket {
  readonly #answers: Promise<AnswerReflection>;
  readonly #answer: StreamAnswer;
  /** Answers that the client may still be sent before it has taken some. */
  #credit = INITIAL_CREDIT;
  #last: Promise<unknown> = Promise.resolve();
  #over = false;

  constructor(answers: Promise<AnswerReflection>, answer: StreamAnswer) {
    this.#answers = answers;
    this.#answer = answer;
    process.nextTick(() => this.#over || answer.onCredit());
  }

  send(question: Uint8Array): boolean {
    this.#credit--;
    this.#last = this.#answers.then((answer) => {
      if (!this.#over) this.#answer.onMessage(answer(question));
    }).catch((cause: unknown) => {
      if (this.#over) return;
      this.#over = true;
      this.#answer.onFailure(Grpc.INVALID_ARGUMENT, messageOf(cause), undefined);
    });
    return this.#credit > 0;
  }

  halfClose(): void {
    void this.#last.then(() => {
      if (this.#over) return;
      this.#over = true;
      this.#answer.onEnd();
    });
  }

  grant(messages: number): void {
    const starved = this.#credit === 0;
    this.#credit += messages;
    if (starved && !this.#over) this.#answer.onCredit();
  }

  cancel(): void {
    this.#over = true;
  }
}
