import { join } from 'node:path';
import { NestbitError, type Payload, readText, type VectorBatch, type VectorSource } from '@nestbit/core';
import { type FloatIndexFile, openFloatIndex } from './float-index.ts';

/** Rows with the ids and documents of a LangChain store. */
export interface DocumentBatch extends VectorBatch {
  readonly ids: readonly string[];
  /** A document's metadata and its text as `pageContent`. */
  readonly payloads: readonly Payload[];
}

interface LangChainDocument {
  readonly pageContent: string;
  readonly metadata: Record<string, unknown>;
}

/**
 * Opens the folder of a FaissStore of LangChain.js (`faiss.index` and `docstore.json`). Vectors whose document was
 * deleted, which faiss-node leaves in its index, are passed over.
 *
 * @throws NestbitError as `openFloatIndex`; `DATASET_INVALID` for a `docstore.json` of another form, and
 * for documents without a vector
 */
export async function openLangChainFolder(folder: string): Promise<LangChainFolder> {
  const path = join(folder, 'docstore.json');
  const text = await readText(path, (what) => noDocstore(path, what)).catch((cause: NestbitError) => {
    if (cause.code !== 'FILE_NOT_FOUND') throw cause;
    throw new NestbitError(
      'FILE_NOT_FOUND',
      `${cause.message} A folder as a source is one that FaissStore.save of LangChain.js wrote; one that Python wrote ` +
        '(index.pkl) is to be saved from JavaScript, or its vectors as .npy.',
      { cause },
    );
  });
  const { documents, mapping } = parseDocstore(text, path);
  const index = await openFloatIndex(join(folder, 'faiss.index'));
  try {
    checkStep(path, documents, mapping, index.rows);
    return new LangChainFolder(index, documents, mapping);
  } catch (error) {
    await index.close();
    throw error;
  }
}

export class LangChainFolder implements VectorSource {
  /** Rows are known only after those without a document have been passed over. */
  readonly rows = undefined;
  readonly dimensions: number;
  readonly metric: FloatIndexFile['metric'];
  readonly hasIds = true;
  /** Rows of the index, those without a document too. */
  readonly indexRows: number;
  /** Vectors without a document: how many, and the rows of the first ten. */
  readonly passedOver: { readonly count: number; readonly examples: readonly number[] };
  readonly #index: FloatIndexFile;
  readonly #documents: ReadonlyMap<string, LangChainDocument>;
  readonly #mapping: ReadonlyMap<number, string>;

  constructor(
    index: FloatIndexFile,
    documents: ReadonlyMap<string, LangChainDocument>,
    mapping: ReadonlyMap<number, string>,
  ) {
    this.dimensions = index.dimensions;
    this.metric = index.metric;
    this.#index = index;
    this.#documents = documents;
    this.#mapping = mapping;
    this.indexRows = index.rows;
    this.passedOver = rowsWithout(documents, mapping, index.rows);
  }

  /** Streams the rows that have a document. */
  async *batches(options: { batchRows?: number; signal?: AbortSignal } = {}): AsyncGenerator<DocumentBatch> {
    const { dimensions } = this;
    for await (const { firstRow, rows, vectors } of this.#index.batches(options)) {
      const ids: string[] = [];
      const payloads: Payload[] = [];
      for (let row = 0; row < rows; row++) {
        const id = this.#mapping.get(firstRow + row);
        const document = id === undefined ? undefined : this.#documents.get(id);
        if (id === undefined || document === undefined) continue;
        if (row !== ids.length)
          vectors.copyWithin(ids.length * dimensions, row * dimensions, (row + 1) * dimensions);
        ids.push(id);
        payloads.push(payloadOf(document));
      }
      if (ids.length === 0) continue;
      yield {
        firstRow,
        rows: ids.length,
        dimensions,
        vectors: vectors.subarray(0, ids.length * dimensions),
        ids,
        payloads,
      };
    }
  }

  async close(): Promise<void> {
    await this.#index.close();
  }
}

/** Metadata of the same name as the text keeps its value as `metadata.pageContent`. */
function payloadOf({ pageContent, metadata }: LangChainDocument): Payload {
  if (!Object.hasOwn(metadata, 'pageContent')) return { ...metadata, pageContent };
  const { pageContent: own, ...others } = metadata;
  return { ...others, pageContent, 'metadata.pageContent': own };
}

function rowsWithout(
  documents: ReadonlyMap<string, LangChainDocument>,
  mapping: ReadonlyMap<number, string>,
  rows: number,
): LangChainFolder['passedOver'] {
  let count = 0;
  const examples: number[] = [];
  for (let row = 0; row < rows; row++) {
    const id = mapping.get(row);
    if (id !== undefined && documents.has(id)) continue;
    if (count++ < 10) examples.push(row);
  }
  return { count, examples };
}

/** @throws NestbitError `DATASET_INVALID` where the documents and the index are out of step */
function checkStep(
  path: string,
  documents: ReadonlyMap<string, LangChainDocument>,
  mapping: ReadonlyMap<number, string>,
  rows: number,
): void {
  const ids = new Map<string, number>();
  for (const [row, id] of mapping) {
    const before = ids.get(id);
    if (before !== undefined) throw outOfStep(path, `it maps both row ${before} and row ${row} to ${id}`);
    ids.set(id, row);
    if (row >= rows && documents.has(id))
      throw outOfStep(path, `it maps row ${row} to ${id}, and faiss.index has ${rows} rows`);
  }
  const lost = [...documents.keys()].filter((id) => !ids.has(id));
  if (lost.length > 0)
    throw outOfStep(
      path,
      `${lost.length} of ${documents.size} documents have no vector (${lost.slice(0, 10).join(', ')}${lost.length > 10 ? ', …' : ''})`,
    );
}

function outOfStep(path: string, what: string): NestbitError {
  return new NestbitError(
    'DATASET_INVALID',
    `${path} and faiss.index are out of step: ${what}. Save the store again (FaissStore.save), or add the documents anew.`,
  );
}

// [[[id, { pageContent, metadata }], …], { row: id, … }]
function parseDocstore(
  text: string,
  path: string,
): { documents: Map<string, LangChainDocument>; mapping: Map<number, string> } {
  try {
    const [entries, rows] = JSON.parse(text) as [[string, LangChainDocument][], Record<string, string>];
    const documents = new Map(entries);
    for (const [id, { pageContent, metadata }] of documents) {
      if (
        typeof id !== 'string' ||
        typeof pageContent !== 'string' ||
        typeof metadata !== 'object' ||
        metadata === null
      )
        throw new TypeError(`the document ${JSON.stringify(id)} has no pageContent and metadata`);
    }
    const mapping = new Map<number, string>();
    for (const [row, id] of Object.entries(rows)) {
      if (!/^(0|[1-9]\d*)$/.test(row) || typeof id !== 'string')
        throw new TypeError(`its mapping has ${JSON.stringify(id)} for the row ${JSON.stringify(row)}`);
      mapping.set(Number(row), id);
    }
    return { documents, mapping };
  } catch (cause) {
    throw noDocstore(path, (cause as Error).message, cause);
  }
}

function noDocstore(path: string, what: string, cause?: unknown): NestbitError {
  return new NestbitError(
    'DATASET_INVALID',
    `${path} is no docstore of LangChain.js ([[id, document], …], { row: id }): ${what}.`,
    { cause },
  );
}
