import { readFile } from 'node:fs/promises';
import { NestbitError, openNpy, readJsonl, type VectorSource } from '@nestbit/core';
import { openFloatIndex } from '@nestbit/faiss-adapter';
import { tellKind } from './kind.ts';
import { openHdf5, openNpz, openVecs } from './matrices.ts';
import { type PlacedRecord, recordSource } from './records.ts';
import { openSafetensors } from './safetensors.ts';
import { type FieldOptions, recordsOfDocument } from './shapes.ts';
import { arrowRecords, parquetRecords } from './tables.ts';

/**
 * Opens a file of vectors, whatever it is called: its content says what it is.
 *
 * @throws NestbitError `FILE_NOT_FOUND`, `UNSUPPORTED`, `DATASET_INVALID`, `JSONL_INVALID`, `NPY_INVALID`,
 * `INDEX_INVALID`, `BATCH_EMPTY`
 */
export async function openVectorFile(
  path: string,
  options: FieldOptions,
): Promise<VectorSource & { readonly metric?: string }> {
  switch (await tellKind(path)) {
    case 'faiss':
      return await openFloatIndex(path);
    case 'npy': {
      const file = await openNpy(path);
      const { rows, dimensions } = file;
      return { rows, dimensions, hasIds: false, batches: (o) => file.vectors(o), close: () => file.close() };
    }
    case 'npz':
      return await openNpz(path);
    case 'hdf5':
      return await openHdf5(path, options.vectorField);
    case 'fvecs':
      return await openVecs(path, 'float32');
    case 'bvecs':
      return await openVecs(path, 'uint8');
    case 'ivecs':
      return await openVecs(path, 'int32');
    case 'safetensors':
      return await openSafetensors(path, options.vectorField);
    case 'parquet':
      return await recordSource(path, () => parquetRecords(path), options);
    case 'arrow':
      return await recordSource(path, () => arrowRecords(path), options);
    case 'json':
      return await recordSource(path, () => documentRecords(path), options);
    case 'jsonl':
      return await recordSource(path, (signal) => lineRecords(path, signal), options);
  }
}

async function* lineRecords(path: string, signal: AbortSignal | undefined): AsyncGenerator<PlacedRecord> {
  for await (const { line, value } of readJsonl(path, signal))
    yield { where: `${path}, line ${line}`, fields: value };
}

async function* documentRecords(path: string): AsyncGenerator<PlacedRecord> {
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path)));
  } catch (cause) {
    throw new NestbitError('DATASET_INVALID', `${path} is not JSON (${(cause as Error).message}).`, {
      cause,
    });
  }
  for (const [row, fields] of recordsOfDocument(document, path).entries())
    yield { where: `${path}, record ${row}`, fields };
}
