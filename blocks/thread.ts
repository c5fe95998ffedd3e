// Entry of a block's thread: the kernel's pool calls `serveThread` once, and it lasts as long as the block. It lives in the kernel's
// process: it handles no signals, and what its code writes to standard output becomes log lines here.
import type { Writable } from 'node:stream';
import { portDoorbell } from '../ipc/doorbell-port.ts';
import { openShared } from '../ipc/shared.ts';
import { limitedOutput, LineLimit, tooManyLines } from '../proto/line-limit.ts';
import { openLog, outputTo, type Log } from '../proto/log.ts';
import { SpokenLines } from '../proto/spoken-lines.ts';
import type { ThreadTask } from '../proto/thread-task.ts';
import { serveBlock } from './host.ts';
import { NO_LANES } from './lanes.ts';
import { sharedLanes } from './lanes-shared.ts';
import { endUncaught } from './last-words.ts';

/** Resolves when the channel has ended and the block is closed. @throws Error for a block that there isn't */
export async function serveThread(task: ThreadTask): Promise<void> {
  const { block, name, segment, port, ringBytes, maxFrameBytes, logFd, logging } = task;
  const lanes = task.lanes === undefined ? NO_LANES : sharedLanes(task.lanes, { ringBytes, maxFrameBytes });
  const output = outputTo(logFd);
  const plain = openLog(logging, { output, fields: { block: name } });
  const limit = new LineLimit((lines) => plain.warn({}, tooManyLines(name, lines)));
  const channel = openShared(segment, 'b', portDoorbell(port, segment, 'b'), { ringBytes, maxFrameBytes });
  // Until `init` brings the block's own, which knows its secrets.
  let log: Log = plain;
  const words = endUncaught(channel, () => log);
  const spoken = { json: logging.json, output, log: plain, limit };
  listen(process.stdout, new SpokenLines({ ...spoken, level: 'info' }));
  listen(process.stderr, new SpokenLines({ ...spoken, level: 'error' }));
  try {
    await serveBlock(block, channel, limitedOutput(output, limit), (opened, clean) => {
      log = opened;
      words.clean = clean;
    }, lanes);
  } finally {
    limit.settle();
  }
}

/**
 * What is written there would else travel to the kernel as messages, without a bound, and appear in its output as it is. The stream
 * itself stays: Node looks for its own in it when something was written before.
 */
function listen(stream: Writable, lines: SpokenLines): void {
  const take = (chunk: unknown, encoding: BufferEncoding): void => void lines.write(typeof chunk === 'string' ? Buffer.from(chunk, encoding) : (chunk as Buffer));
  stream._write = (chunk, encoding, done) => {
    take(chunk, encoding);
    done();
  };
  stream._writev = (chunks, done) => {
    for (const { chunk, encoding } of chunks) take(chunk, encoding);
    done();
  };
}
