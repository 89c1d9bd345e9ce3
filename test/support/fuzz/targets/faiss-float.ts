import { openFloatIndex } from '@nestbit/faiss-adapter';
import { floatIndexBytes } from '../../float-index.ts';
import { randomVectors } from '../../vectors.ts';
import { expectAnswer, type FuzzTarget } from '../target.ts';

const ROWS = 12;
const DIMENSIONS = 6;
const HEADER_BYTES = 37;

/** Flat float indexes, also in an id map. */
export const faissFloat: FuzzTarget = {
  name: 'faiss-float',
  text: false,
  file: 'fuzzed.faiss',
  async seeds() {
    const vectors = randomVectors(ROWS, DIMENSIONS);
    const ids = Array.from({ length: ROWS }, (_, row) => BigInt(row * 10));
    return [
      floatIndexBytes('IxFI', vectors, DIMENSIONS),
      floatIndexBytes('IxF2', vectors, DIMENSIONS),
      floatIndexBytes('IxFI', vectors, DIMENSIONS, ids),
    ];
  },
  async read(path, bytes) {
    const index = await openFloatIndex(path);
    try {
      const mapped = bytes.toString('latin1', 0, 4).startsWith('IxM');
      const start = mapped ? HEADER_BYTES : 0;
      const dimensions = bytes.readInt32LE(start + 4);
      const rows = Number(bytes.readBigInt64LE(start + 8));
      expectAnswer(index.rows === rows && index.dimensions === dimensions, 'its shape');
      if (mapped)
        expectAnswer(
          bytes.readInt32LE(4) === dimensions && Number(bytes.readBigInt64LE(8)) === rows,
          'its id map',
        );
      let at = start + HEADER_BYTES + 8;
      const idsAt = at + rows * dimensions * 4 + 8;
      let seen = 0;
      for await (const batch of index.batches({ batchRows: 5 })) {
        for (const value of batch.vectors) {
          expectAnswer(Object.is(value, bytes.readFloatLE(at)), `the value at byte ${at}`);
          at += 4;
        }
        for (const [i, id] of (batch.ids ?? []).entries())
          expectAnswer(id === bytes.readBigInt64LE(idsAt + (seen + i) * 8), `the id of row ${seen + i}`);
        expectAnswer(mapped === (batch.ids !== undefined), 'ids');
        seen += batch.rows;
      }
      expectAnswer(seen === rows, `${seen} rows of ${rows}`);
    } finally {
      await index.close();
    }
  },
};
