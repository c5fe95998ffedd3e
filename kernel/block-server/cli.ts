// `bulkhead block <name> --listen <address>`: the life of a block server as a program, with its log, signals and exit codes.
import { UsageError } from '../arguments.ts';
import { readBuild } from '../build.ts';
import { FatalError } from '../fatal.ts';
import { KNOWN_BLOCKS } from '../known-blocks.ts';
import { addressText } from '../remote/address.ts';
import { openLog, openLogFile, outputTo } from '../../proto/log.ts';
import { messageOf } from '../../proto/errors.ts';
import { giveBackStartMemory } from '../../proto/start-memory.ts';
import { blockServerUsage, parseBlockServer, type BlockServerConfig } from './flags.ts';
import { BlockServer } from './server.ts';

const STDOUT = 1;

/** Runs until the process ends. @param words what stands behind `block`. */
export async function runBlockServer(words: readonly string[], compileCache: string | undefined): Promise<void> {
  const { version } = readBuild();
  let config: BlockServerConfig | undefined;
  try {
    config = parseBlockServer(words, KNOWN_BLOCKS, version);
  } catch (cause) {
    if (!(cause instanceof UsageError)) throw cause;
    process.stderr.write(`${blockServerUsage(KNOWN_BLOCKS)}\nError: ${cause.message}\n`);
    process.exitCode = 2;
    return;
  }
  if (config === undefined) return void process.stdout.write(blockServerUsage(KNOWN_BLOCKS));
  const output = config.logFile === '' ? outputTo(STDOUT) : openLogFile(config.logFile);
  const log = openLog(config.log, { output, fields: { block: config.block } });
  const server = new BlockServer({ config, log, output, compileCache });
  let ending = false;
  const end = (signal: string): void => {
    if (ending) process.exit(1); // a second one means now
    ending = true;
    log.info({}, `Received signal '${signal}'; ending`);
    void server.close().then(() => process.exit(0));
  };
  process.on('SIGTERM', () => end('terminated'));
  process.on('SIGINT', () => end('interrupt'));
  process.on('SIGHUP', () => {}); // what may change, certificates, is looked at anyway
  log.info({}, `bulkhead ${version}: serving the ${config.block} block`);
  try {
    const address = await server.listen();
    log.info({}, `listening at ${addressText(address)}`);
    giveBackStartMemory();
  } catch (cause) {
    log.fatal({}, `Fatal error: ${cause instanceof FatalError ? cause.message : cause instanceof Error ? (cause.stack ?? cause.message) : messageOf(cause)}`);
    process.exit(1);
  }
}
