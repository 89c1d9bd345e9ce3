import { Command } from 'commander';
import { Progress } from '../progress.ts';
import { openFaissStore } from '../stores/faiss.ts';
import { openStore, type StoredStats } from '../stores/opened.ts';

interface Options {
  readonly store: string;
  readonly json?: boolean;
}

/** `stats`: what a store holds. */
export function statsCommand(): Command {
  return new Command('stats')
    .description('rows, bytes by part, codec and index of a store')
    .requiredOption('--store <uri>', 'faiss:PATH, pglite:PATH#STORE or postgres://…#STORE')
    .option('--json', 'print one JSON object')
    .action(async ({ store: uri, json }: Options) => {
      const store = await openStore(uri, true);
      try {
        const stats = sameKeys(await store.stats(), store.store.codec.inputDimensions);
        process.stdout.write(json === true ? `${JSON.stringify(stats)}\n` : table(stats));
      } finally {
        await store.close();
      }
    });
}

/** Parts of the bytes of any store. */
const PARTS = ['bits', 'scalars', 'copies', 'codes', 'checks', 'records', 'keys', 'index'];

/** Stats with the same keys for every store: null where a store has no such thing, 0 bytes where no such part. */
function sameKeys(stats: StoredStats, inputDimensions: number): object {
  const { rows, dead = null, bytes, codec, index, kernel = null } = stats;
  return {
    rows,
    dead,
    bytes: { ...Object.fromEntries(PARTS.map((part) => [part, 0])), ...bytes },
    codec: { model: null, advice: null, ...withoutUndefined(codec), inputDimensions },
    index: { kind: null, rows: null, valid: null, ...index },
    kernel,
  };
}

function withoutUndefined(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** A line for each value, by its path: `bytes.codes  1 234 567`. */
function table(stats: object): string {
  const lines: (readonly [string, string])[] = [];
  const add = (value: unknown, path: string): void => {
    if (typeof value === 'object' && value !== null)
      for (const [name, inner] of Object.entries(value)) add(inner, path === '' ? name : `${path}.${name}`);
    else if (value !== undefined && value !== null)
      lines.push([path, typeof value === 'number' ? value.toLocaleString('en-US') : String(value)]);
  };
  add(stats, '');
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join('');
}

/** `compact`: gives back the room of dead rows. */
export function compactCommand(signal: AbortSignal): Command {
  return new Command('compact')
    .description('copy the living rows into fresh files and build the index anew')
    .requiredOption('--store <uri>', 'faiss:PATH')
    .option('--json', 'print one JSON object')
    .action(async ({ store: uri, json }: Options) => {
      const store = await openFaissStore(uri, false);
      const { rows, dead } = await store.stats();
      const progress = new Progress('compacting', rows);
      let last = 0;
      try {
        await store.compact({
          signal,
          onProgress: (done) => {
            progress.add(Math.max(0, done - last));
            last = done;
          },
        });
      } finally {
        progress.stop();
        await store.close();
      }
      process.stdout.write(
        json === true
          ? `${JSON.stringify({ rows, removed: dead })}\n`
          : `${rows} rows, ${dead} dead ones removed\n`,
      );
    });
}

/** `export`: the binary index of a store as a plain faiss file. */
export function exportCommand(signal: AbortSignal): Command {
  return new Command('export')
    .description('write the binary index as a file of faiss, and the ids beside it as FILE.ids.jsonl')
    .requiredOption('--store <uri>', 'faiss:PATH')
    .requiredOption('--out <file.faiss>', 'file to write')
    .option(
      '--codes',
      'also write the codes as FILE.bits.npy, .scalars.npy, .copies.npy or .int8.npy, and the codec',
    )
    .option('--json', 'print one JSON object')
    .action(
      async ({
        store: uri,
        out,
        codes,
        json,
      }: Options & { readonly out: string; readonly codes?: boolean }) => {
        const store = await openFaissStore(uri, true);
        const progress = new Progress('reading', await store.size());
        let last = 0;
        try {
          const rows = await store.export(out, {
            signal,
            codes,
            onProgress: (done) => {
              progress.add(done - last);
              last = done;
            },
          });
          process.stdout.write(
            json === true
              ? `${JSON.stringify({ rows, index: out, ids: `${out}.ids.jsonl`, ...(codes && { codec: `${out}.codec.json` }) })}\n`
              : `${rows} rows are in ${out}, their ids in ${out}.ids.jsonl${codes ? `, their codes in ${out}.*.npy` : ''}\n`,
          );
        } finally {
          progress.stop();
          await store.close();
        }
      },
    );
}
