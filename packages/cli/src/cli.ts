import { NestbitError } from '@nestbit/core';
import { Command, CommanderError } from 'commander';
import { calibrateCommand } from './commands/calibrate.ts';
import { copyCommand } from './commands/copy.ts';
import { encodeCommand } from './commands/encode.ts';
import { evaluateCommand } from './commands/evaluate.ts';
import { ingestCommand } from './commands/ingest.ts';
import { searchCommand } from './commands/search.ts';
import { shrinkCommand } from './commands/shrink/shrink.ts';
import { syncCommand } from './commands/sync/sync.ts';
import { trainCommand } from './commands/train.ts';
import { compactCommand, exportCommand, statsCommand } from './commands/upkeep.ts';

const FAILED = 1;
const BAD_USAGE = 2;

/**
 * Runs one command line.
 *
 * @param args without node and the program
 * @returns the exit status: 0, 1 (failed) or 2 (bad usage)
 */
export async function run(args: readonly string[]): Promise<number> {
  // The first Ctrl-C lets the command tidy up; a second one ends the process at once.
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    await program(controller.signal).parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    // commander has already printed what it has to say.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : BAD_USAGE;
    report(error, args.includes('--json'));
    return error instanceof NestbitError && error.code === 'USAGE' ? BAD_USAGE : FAILED;
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

function program(signal: AbortSignal): Command {
  const command = new Command('nestbit')
    .description('Make embeddings small enough to search on one machine, and measure what that costs.')
    .exitOverride()
    .showHelpAfterError('(--help lists the options)');
  for (const make of [
    trainCommand,
    calibrateCommand,
    encodeCommand,
    ingestCommand,
    searchCommand,
    evaluateCommand,
    shrinkCommand,
    syncCommand,
    copyCommand,
    statsCommand,
    compactCommand,
    exportCommand,
  ]) {
    command.addCommand(make(signal).exitOverride());
  }
  return command;
}

function report(error: unknown, json: boolean): void {
  const known = error instanceof NestbitError;
  const code = known ? error.code : 'INTERNAL';
  const message = known
    ? error.message
    : error instanceof Error
      ? (error.stack ?? error.message)
      : String(error);
  process.stderr.write(
    json ? `${JSON.stringify({ error: { code, message } })}\n` : `nestbit: ${code}: ${message}\n`,
  );
}
