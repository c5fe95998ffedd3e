// What a mode could not do: said loudly at once, and written down, so that it has a row of its own and is never missing in silence.
import type { Journal } from './journal.ts';
import type { Mode } from './names.ts';
import type { Part } from './options.ts';
import type { Progress } from './progress.ts';

const MOST_TEXT = 400;

/** Notes it. */
export type NoteFault = (mode: Mode, what: string, cause: unknown) => void;

export const faultNotes = (part: Part, journal: Journal, progress: Progress): NoteFault => (mode, what, cause) => {
  const reason = cause instanceof Error ? cause.message : String(cause);
  progress.say(`${mode} can't do this here: ${what}: ${reason}`);
  journal.add({ kind: 'fault', part, mode, what, reason: shortened(reason) });
};

/** The end of a log says more than its beginning, and the first line what it is about. */
const shortened = (text: string): string => (text.length <= MOST_TEXT ? text : `${text.split('\n', 1)[0]?.slice(0, MOST_TEXT / 2)} ... ${text.slice(-MOST_TEXT / 2)}`);
