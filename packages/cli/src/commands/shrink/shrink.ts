import { readFile } from 'node:fs/promises';
import { type Codec, NestbitError, parseCodec } from '@nestbit/core';
import { Shrink, type ShrinkMaking, type ShrinkPace } from '@nestbit/pg-adapter';
import { Command, Option } from 'commander';
import { urlArgument, wholeNumber } from '../../options.ts';
import { connectTo } from '../../stores/postgres.ts';
import { filesCommand } from './files.ts';
import { printCutover, printPlan, printStatus, printVerification } from './print.ts';
import { StepProgress } from './step-progress.ts';

interface Options {
  readonly table?: string;
  readonly column?: string;
  readonly tableSchema?: string;
  readonly id?: string;
  readonly store?: string;
  readonly schema?: string;
  readonly codec?: string;
  readonly dimensions?: number;
  readonly rotation?: 'hadamard' | 'none';
  readonly center?: 'mean' | 'none';
  readonly copy?: 'int8' | 'int4' | 'int16' | 'none' | 'calibrated';
  readonly sample?: number;
  readonly index?: 'hnsw' | 'none';
  readonly bitsInTrigger?: boolean;
  readonly notify?: boolean;
  readonly workers?: number;
  readonly rate?: number;
  readonly maxLag?: number;
  readonly k?: number;
  readonly queries?: number;
  readonly repair?: boolean;
  readonly json?: boolean;
}

/** `shrink`: a table that is there to binary and int8 codes, while it is in use. */
export function shrinkCommand(signal: AbortSignal): Command {
  const command = new Command('shrink').description(
    'move a Postgres table to binary and int8 codes while it is in use; or the vectors of files',
  );
  const step = (name: string, description: string): Command => {
    const own = urlArgument(new Command(name))
      .description(description)
      .option('--table <name>', 'the table, also schema.table; to begin with, and later instead of --store')
      .option('--column <name>', 'its column of embeddings; with --table')
      .option('--table-schema <name>', 'schema of the table; default: by the search path')
      .option('--id <column>', 'unique column; default: the primary key')
      .option('--store <name>', 'name of the store; default: that of the table')
      .option('--schema <name>', "schema of nestbit's tables; default nestbit")
      .option('--json', 'print one JSON object')
      .exitOverride();
    command.addCommand(own);
    return own;
  };
  const run = (own: Command, work: (shrink: Shrink, options: Options) => Promise<void>): void => {
    own.action(async (url: string, options: Options) => {
      const target = targetOf(options);
      const { pool, close } = await connectTo(url);
      try {
        await work(new Shrink(pool, target), options);
      } finally {
        await close();
      }
    });
  };
  run(
    making(step('plan', 'what it would do: statements, locks, bytes, time; changes nothing')),
    async (shrink, options) => printPlan(await shrink.plan(await makingOf(options)), options.json === true),
  );
  run(
    pacing(making(step('start', 'do it, or go on where it ended; Ctrl-C is fine'))),
    async (shrink, options) => {
      const progress = new StepProgress();
      try {
        const status = await shrink.start({
          ...(await makingOf(options)),
          ...paceOf(options),
          signal,
          onProgress: (one) => progress.show(one),
        });
        progress.stop();
        printStatus(status, options.json === true);
      } finally {
        progress.stop();
      }
    },
  );
  run(step('status', 'how far it is, what waits, what failed'), async (shrink, options) =>
    printStatus(await shrink.status(), options.json === true),
  );
  run(step('pause', 'let the backfill wait, whichever process runs it'), async (shrink, options) =>
    printStatus(await shrink.pause(), options.json === true),
  );
  run(step('resume', 'let a paused backfill go on'), async (shrink, options) =>
    printStatus(await shrink.resume(), options.json === true),
  );
  const verifying = step('verify', 'compare every code with its embedding, and searches with exact ones')
    .option('-k <n>', 'hits wanted; default 10', wholeNumber)
    .option('--queries <n>', 'rows asked as queries; default 100, 0 for codes alone', wholeNumber)
    .option('--repair', 'hand wrong rows to the sync');
  run(verifying, async (shrink, { k, queries, repair, json }) => {
    const progress = new StepProgress();
    const result = await shrink
      .verify({
        ...(k !== undefined && { k }),
        ...(queries !== undefined && { queries }),
        ...(repair !== undefined && { repair }),
        signal,
        onProgress: (rows) => progress.show({ step: 'verify', done: rows, total: 0 }),
      })
      .finally(() => progress.stop());
    printVerification(result, json === true);
    if (!result.ok && repair !== true) {
      throw new NestbitError(
        'STORE_DAMAGED',
        `${result.parity.faults.length} codes are not those of their rows; --repair hands them to the sync.`,
      );
    }
  });
  run(step('cutover', 'make the view and the function that the application reads'), async (shrink, options) =>
    printCutover(await shrink.cutover(), options.json === true),
  );
  run(step('rollback', 'remove everything that it made'), async (shrink, { table, store, json }) => {
    const result = await shrink.rollback({ signal });
    const what = table ?? store;
    const said = result.found ? `the migration of ${what} is gone` : `there was no migration of ${what}`;
    process.stdout.write(json === true ? `${JSON.stringify(result)}\n` : `${said}\n`);
  });
  command.addCommand(filesCommand(signal).exitOverride());
  return command;
}

function making(command: Command): Command {
  return command
    .option('--codec <codec.json>', 'default: one calibrated on a sample of the table')
    .option('--dimensions <n>', 'keep the first n; default all', wholeNumber)
    .addOption(new Option('--rotation <kind>', 'default hadamard').choices(['hadamard', 'none']))
    .addOption(new Option('--center <kind>', 'default mean').choices(['mean', 'none']))
    .addOption(
      new Option('--copy <kind>', 'what rows keep for the rescore').choices([
        'int8',
        'int4',
        'int16',
        'none',
        'calibrated',
      ]),
    )
    .option('--sample <rows>', 'rows that the codec is calibrated on; default 10000', wholeNumber)
    .addOption(new Option('--index <kind>', 'default hnsw, with pgvector').choices(['hnsw', 'none']))
    .option('--notify', 'writers NOTIFY the workers; rules two-phase commit out')
    .option('--no-notify', 'they do not, and workers poll; default: by max_prepared_transactions')
    .option('--bits-in-trigger', 'compute bits in SQL within the trigger; needs rotation and center none');
}

function pacing(command: Command): Command {
  return command
    .option('--workers <n>', 'key ranges under way at once; default 2', wholeNumber)
    .option('--rate <rows>', 'rows a second at most', wholeNumber)
    .option('--max-lag <seconds>', 'wait while a replica is further behind; default 10', wholeNumber);
}

function targetOf({
  table,
  column,
  tableSchema,
  id,
  store,
  schema,
}: Options): ConstructorParameters<typeof Shrink>[1] {
  if (table === undefined && column === undefined) {
    if (store === undefined)
      throw new NestbitError(
        'USAGE',
        'The table is missing; give --table and --column, or --store once it has begun.',
      );
  } else if (table === undefined || column === undefined) {
    throw new NestbitError('USAGE', '--table and --column go together.');
  }
  return {
    ...(table !== undefined && { table }),
    ...(column !== undefined && { column }),
    ...(tableSchema !== undefined && { tableSchema }),
    ...(id !== undefined && { id }),
    ...(store !== undefined && { name: store }),
    ...(schema !== undefined && { schema }),
  };
}

async function makingOf(options: Options): Promise<ShrinkMaking> {
  const { codec, dimensions, rotation, center, copy, sample, index, bitsInTrigger, notify } = options;
  return {
    ...(codec !== undefined && { codec: await codecAt(codec) }),
    ...(dimensions !== undefined && { dimensions }),
    ...(rotation !== undefined && { rotation }),
    ...(center !== undefined && { center }),
    ...(copy !== undefined && { copy }),
    ...(sample !== undefined && { sampleRows: sample }),
    ...(index !== undefined && { index: index === 'none' ? 'none' : { kind: 'hnsw' } }),
    ...(bitsInTrigger !== undefined && { bitsInTrigger }),
    ...(notify !== undefined && { notify }),
  };
}

function paceOf({ workers, rate, maxLag }: Options): ShrinkPace {
  return {
    ...(workers !== undefined && { workers }),
    ...(rate !== undefined && { rowsPerSecond: rate }),
    ...(maxLag !== undefined && { maxReplicaLagSeconds: maxLag }),
  };
}

async function codecAt(path: string): Promise<Codec> {
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    throw new NestbitError('FILE_NOT_FOUND', `The codec ${path} cannot be read (${cause.message}).`, {
      cause,
    });
  });
  return parseCodec(text);
}
