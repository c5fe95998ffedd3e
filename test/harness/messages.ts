/** What a block's codec wrote, in one piece. */
import type { Message } from '../../proto/message-writer.ts';

export const whole = (message: Message): Uint8Array => (message instanceof Uint8Array ? message : Buffer.concat(message));
