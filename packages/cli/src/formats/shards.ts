import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { NestbitError, type VectorSource } from '@nestbit/core';
import { openVectorFile } from './open.ts';
import type { FieldOptions } from './shapes.ts';

/** Names of files of vectors, by their ends. */
const VECTORS =
  /\.(npy|npz|parquet|arrow|feather|jsonl|ndjson|json|fvecs|bvecs|ivecs|hdf5|h5|safetensors|faiss)(\.gz)?$/i;
const BY_NUMBER = new Intl.Collator('en', { numeric: true });

/**
 * The files that a source names: those of a folder, or of a pattern such as `vectors/part-*.npy` (`*` and `?` in the
 * name of the file). `part-2` comes before `part-10`. Undefined where the path is one file, or a folder that holds no
 * files of vectors.
 *
 * @throws NestbitError `FILE_NOT_FOUND` for a pattern without a match, `DATASET_INVALID` for a folder of several kinds
 */
export async function shardsOf(path: string): Promise<string[] | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() === true) {
    const names = (await filesIn(path)).filter((name) => VECTORS.test(name));
    const kinds = new Set(names.map((name) => VECTORS.exec(name)?.[0].toLowerCase()));
    if (kinds.size > 1)
      throw new NestbitError(
        'DATASET_INVALID',
        `${path} holds files of several kinds (${[...kinds].join(', ')}); name those that are meant: '${join(path, `*${[...kinds][0]}`)}'.`,
      );
    return names.length === 0 ? undefined : names.map((name) => join(path, name));
  }
  const pattern = basename(path);
  if (found !== undefined || !/[*?]/.test(pattern)) return undefined;
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  const regexp = new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's');
  const names = (await filesIn(dirname(path))).filter((name) => regexp.test(name));
  if (names.length === 0) throw new NestbitError('FILE_NOT_FOUND', `${path} matches no file.`);
  return names.map((name) => join(dirname(path), name));
}

/** Several files as one source: rows without ids are numbered from the first file to the last. */
export async function openShards(paths: readonly string[], options: FieldOptions): Promise<VectorSource> {
  const first = await openVectorFile(paths[0], options);
  const { dimensions, hasIds } = first;
  await first.close();
  let total: number | undefined = 0;
  // The headers of all files, before a row is stored.
  for (const path of paths) {
    const file = await openVectorFile(path, options);
    await file.close();
    if (file.dimensions !== dimensions)
      throw invalid(paths[0], `has ${dimensions} dimensions, ${path} has ${file.dimensions}`);
    if (file.hasIds !== hasIds)
      throw invalid(paths[0], `has ${hasIds ? '' : 'no '}ids, ${path} has ${hasIds ? 'none' : 'some'}`);
    total = total === undefined || file.rows === undefined ? undefined : total + file.rows;
  }
  return {
    rows: total,
    dimensions,
    ...(hasIds !== undefined && { hasIds }),
    async *batches(how = {}) {
      let firstRow = 0;
      for (const path of paths) {
        const file = await openVectorFile(path, options);
        try {
          for await (const batch of file.batches(how)) {
            yield { ...batch, firstRow };
            firstRow += batch.rows;
          }
        } finally {
          await file.close();
        }
      }
    },
    close: async () => {},
  };
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: Error) => {
    throw new NestbitError('FILE_NOT_FOUND', `${folder} cannot be read (${cause.message}).`, { cause });
  });
  const files = entries.filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.'));
  return files.map(({ name }) => name).sort(BY_NUMBER.compare);
}

function invalid(path: string, what: string): NestbitError {
  return new NestbitError('DATASET_INVALID', `${path} ${what}; files of one source have to be alike.`);
}
