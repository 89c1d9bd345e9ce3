import { run } from './cli.ts';

// A reader that has enough, such as head, is no failure; a full disk is one line.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`nestbit: FILE_WRITE: the output cannot be written (${error.message}).\n`);
  process.exit(1);
});
process.stderr.on('error', () => process.exit(1));

process.exitCode = await run(process.argv.slice(2));
