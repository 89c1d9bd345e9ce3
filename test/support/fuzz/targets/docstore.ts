import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { openLangChainFolder } from '@nestbit/faiss-adapter';
import { floatIndexBytes } from '../../float-index.ts';
import { randomVectors } from '../../vectors.ts';
import { expectAnswer, type FuzzTarget } from '../target.ts';

const ROWS = 5;
const DIMENSIONS = 3;
const vectors = randomVectors(ROWS, DIMENSIONS);

type Docstore = [[string, { pageContent: string; metadata: object }][], Record<string, string>];

/** docstore.json of LangChain.js, beside a whole index. */
export const docstore: FuzzTarget = {
  name: 'docstore',
  text: true,
  file: 'langchain/docstore.json',
  async seeds(folder) {
    mkdirSync(join(folder, 'langchain'), { recursive: true });
    writeFileSync(join(folder, 'langchain/faiss.index'), floatIndexBytes('IxFI', vectors, DIMENSIONS));
    const documents: Docstore[0] = Array.from({ length: ROWS }, (_, row) => [
      `uuid-${row}`,
      {
        pageContent: `text ${row}\nStille Nacht`,
        metadata: { page: row, loc: { lines: { from: 1, to: 9 } } },
      },
    ]);
    const mapping = Object.fromEntries(documents.map(([id], row) => [row, id]));
    return [
      Buffer.from(JSON.stringify([documents, mapping])),
      Buffer.from(JSON.stringify([documents, mapping], null, 2)),
    ];
  },
  async read(path, bytes) {
    const folder = await openLangChainFolder(dirname(path));
    try {
      const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
      const [entries, mapping] = JSON.parse(text) as Docstore;
      const documents = new Map(entries);
      const expected = Array.from({ length: ROWS }, (_, row) => row).flatMap((row) => {
        const document = documents.get(mapping[row]);
        return document === undefined ? [] : [{ row, id: mapping[row], document }];
      });
      let at = 0;
      for await (const { rows, vectors: read, ids, payloads } of folder.batches({ batchRows: 2 })) {
        for (let i = 0; i < rows; i++, at++) {
          const { row, id, document } = expected[at];
          const vector = read.subarray(i * DIMENSIONS, (i + 1) * DIMENSIONS);
          expectAnswer(ids[i] === id, `row ${row} is ${ids[i]}, not ${id}`);
          expectAnswer(
            `${vector}` === `${vectors.subarray(row * DIMENSIONS, (row + 1) * DIMENSIONS)}`,
            `vector of ${id}`,
          );
          const { pageContent, metadata } = document;
          // Metadata of that name keeps its value beside the text.
          const kept = Object.entries(metadata).map(([key, value]) =>
            key === 'pageContent' ? ['metadata.pageContent', value] : [key, value],
          );
          const wanted = { ...Object.fromEntries(kept), pageContent };
          expectAnswer(isDeepStrictEqual(payloads[i], wanted), `payload of ${id}`);
        }
      }
      expectAnswer(at === expected.length, `${at} rows of ${expected.length}`);
    } finally {
      await folder.close();
    }
  },
};
