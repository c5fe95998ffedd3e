// The end of a block whose code failed where nobody could catch it. What it was is said three times: where the kernel looks for
// last words, in the log, and by the exit code; then the life ends, because nobody knows what else is wrong with it.
import type { Channel } from '../ipc/channel.ts';
import type { Log } from '../proto/log.ts';

const FAILED = 1;

/**
 * From now on an error that nobody catches ends this life.
 * @param log the block's, as soon as there is one.
 * @returns whose `clean` takes secrets out of the last words: to be set when they are known, because the kernel prints them.
 */
export function endUncaught(channel: Channel, log: () => Log): { clean: (text: string) => string } {
  const words = { clean: (text: string): string => text };
  let ending = false;
  const end = (cause: unknown): void => {
    if (ending) return; // what comes on the way out changes nothing
    ending = true;
    try {
      const { message, stack } = describe(cause);
      channel.own?.lastWords(words.clean(stack));
      log().error({ stack }, `an error that nobody caught ends the block: ${message}`);
    } finally {
      leave();
    }
  };
  process.on('uncaughtException', end);
  process.on('unhandledRejection', end);
  return words;
}

function leave(): void {
  try {
    process.exit(FAILED);
  } finally {
    process.exit(FAILED); // a listener of its own threw; nobody is asked a second time
  }
}

/** Whatever was thrown: it may have no message, or one that throws when it is asked for. */
function describe(cause: unknown): { readonly message: string; readonly stack: string } {
  try {
    if (!(cause instanceof Error)) return { message: String(cause), stack: String(cause) };
    const message = `${cause.name}: ${cause.message}`;
    const { stack } = cause;
    return { message, stack: typeof stack === 'string' && stack.includes(cause.message) ? stack : message };
  } catch {
    return { message: 'something that can\'t be shown', stack: 'something that can\'t be shown' };
  }
}
