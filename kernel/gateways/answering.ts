// The methods that the kernel answers itself, on the supervisor's side: a gateway asks, and is told at once that it was heard, because
// a restart may take its time.
import { FAIL } from '../../proto/failures.ts';
import { messageOf } from '../../proto/errors.ts';
import type { Answer } from '../call.ts';
import type { KernelMethod } from '../switch.ts';
import type { Answered, FromGateway } from './protocol.ts';

/** @param method undefined: nothing is answered yet, because the sidecar is starting */
export function answerQuestion(run: { answer(answered: Answered): void }, method: KernelMethod | undefined, { call, asked }: Extract<FromGateway, { readonly kind: 'ask' }>): void {
  let answered = false;
  const say = (answer: Answered['answer']): void => {
    answered ||= answer !== 'taken';
    run.answer({ call, answer });
  };
  const answer: Answer = {
    onAnswer: (status, headers, body) => say({ status, headers, body: new Uint8Array(body) }),
    onFailure: (code, message, details) => say({ code, message, details: details === undefined ? undefined : new Uint8Array(details) }),
    onRefusal: (failure) => say({ failure }),
  };
  if (method === undefined) return answer.onRefusal(FAIL.internal('the sidecar is starting').failure);
  void ask(method, asked, answer);
  if (!answered) say('taken');
}

async function ask(method: KernelMethod, asked: Parameters<KernelMethod>[0], answer: Answer): Promise<void> {
  try {
    await method(asked, answer);
  } catch (cause) {
    answer.onRefusal(FAIL.internal(messageOf(cause)).failure);
  }
}
