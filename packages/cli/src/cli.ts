import { readFileSync } from 'node:fs';
import { NestbitError } from '@nestbit/core';
import { Command, CommanderError, type Option } from 'commander';
import { calibrateCommand } from './commands/calibrate.ts';
import { completionCommand } from './commands/completion.ts';
import { copyCommand } from './commands/copy.ts';
import { encodeCommand } from './commands/encode.ts';
import { evaluateCommand } from './commands/evaluate.ts';
import { ingestCommand } from './commands/ingest.ts';
import { searchCommand } from './commands/search.ts';
import { shrinkCommand } from './commands/shrink/shrink.ts';
import { syncCommand } from './commands/sync/sync.ts';
import { trainCommand } from './commands/train.ts';
import { compactCommand, exportCommand, statsCommand } from './commands/upkeep.ts';
import { nameError } from './name-error.ts';
import { redacted } from './redact.ts';

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
    await program(controller.signal, args).parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    // commander has already printed what it has to say.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : BAD_USAGE;
    const named = nameError(error);
    report(named, args.includes('--json'));
    return named instanceof NestbitError && named.code === 'USAGE' ? BAD_USAGE : FAILED;
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

function program(signal: AbortSignal, args: readonly string[]): Command {
  const command = new Command('nestbit')
    .description('Make embeddings small enough to search on one machine, and measure what that costs.')
    .version(version(), '-V, --version', 'print the version')
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
    completionCommand,
  ]) {
    command.addCommand(withSuggestions(make(signal).exitOverride(), args));
  }
  return command;
}

function version(): string {
  const file = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(file) as { version: string }).version;
}

/** A missing option may be there misspelt: then commander says what was meant. */
function withSuggestions(command: Command, args: readonly string[]): Command {
  const internals = command as Command & {
    missingMandatoryOptionValue(option: Option): void;
    unknownOption(flag: string): void;
  };
  const missing = internals.missingMandatoryOptionValue.bind(command);
  internals.missingMandatoryOptionValue = (option) => {
    const flags = args.filter((arg) => /^--\w/.test(arg)).map((arg) => arg.split('=', 1)[0]);
    const known = new Set([...command.options.map(({ long }) => long), '--help']);
    const unknown = flags.find((flag) => !known.has(flag));
    if (unknown !== undefined) internals.unknownOption(unknown);
    missing(option);
  };
  // What a service sets once. commander only listens for options that have a variable when they are added.
  // A --store of shrink and sync is the name of a store, not its place.
  command.options.find(({ flags }) => flags === '--store <uri>')?.env('NESTBIT_STORE');
  command.on('optionEnv:store', (value: string) => command.setOptionValueWithSource('store', value, 'env'));
  for (const sub of command.commands) withSuggestions(sub, args);
  return command;
}

function report(error: unknown, json: boolean): void {
  const known = error instanceof NestbitError;
  const code = known ? error.code : 'INTERNAL';
  const message = redacted(
    known ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error),
  );
  process.stderr.write(
    json ? `${JSON.stringify({ error: { code, message } })}\n` : `nestbit: ${code}: ${message}\n`,
  );
}
