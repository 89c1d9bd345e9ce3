import { isDeepStrictEqual } from 'node:util';
import { type Id, type Payload, readVectorRecords } from '@nestbit/core';
import { expectAnswer, type FuzzTarget } from '../target.ts';

interface Row {
  readonly id: Id;
  readonly vector: readonly number[];
  readonly payload: Payload;
}

/** The rows of a file, read line by line and strictly. */
function strictRows(bytes: Buffer): Row[] {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const rows: Row[] = [];
  let from = 0;
  while (from < bytes.length) {
    const newline = bytes.indexOf(10, from);
    const end = newline < 0 ? bytes.length : newline;
    const text = decoder.decode(bytes.subarray(from, end));
    const line = from === 0 ? text.replace(/^\ufeff/, '') : text;
    from = end + 1;
    if (line.trim() === '') continue;
    const { id, _id, embedding, vector, ...payload } = JSON.parse(line);
    const own = id ?? _id ?? rows.length;
    const values = embedding ?? vector;
    if (!Array.isArray(values) || !values.every((value) => typeof value === 'number'))
      throw new Error('no vector');
    rows.push({ id: typeof own === 'number' ? BigInt(own) : own, vector: values.map(Math.fround), payload });
  }
  return rows;
}

/** Embeddings a line, as people export them. */
export const jsonl: FuzzTarget = {
  name: 'jsonl',
  text: true,
  file: 'fuzzed.jsonl',
  async seeds() {
    const lines = (make: (row: number) => object): Buffer =>
      Buffer.from(Array.from({ length: 6 }, (_, row) => `${JSON.stringify(make(row))}\n`).join(''));
    const numbers = (row: number): number[] => [row / 7, -row, 0.125, 1e-3 * row];
    return [
      lines((row) => ({
        id: `doc-${row}`,
        embedding: numbers(row),
        title: 'Stille Nacht — 夜',
        year: 1818 + row,
      })),
      lines((row) => ({ _id: row, vector: numbers(row), tags: ['a', 'b'], deep: { x: [1, { y: null }] } })),
      lines((row) => ({ vector: numbers(row) })),
    ];
  },
  async read(path, bytes) {
    const read: Row[] = [];
    for await (const { firstRow, rows, dimensions, vectors, ids, payloads } of readVectorRecords(path, {
      batchRows: 4,
    })) {
      for (let row = 0; row < rows; row++) {
        const vector = [...vectors.subarray(row * dimensions, (row + 1) * dimensions)];
        read.push({ id: ids?.[row] ?? BigInt(firstRow + row), vector, payload: payloads?.[row] ?? {} });
      }
    }
    let expected: Row[];
    try {
      expected = strictRows(bytes);
    } catch (error) {
      expectAnswer(false, `it was read, and strictly it cannot be: ${(error as Error).message}`);
      return;
    }
    expectAnswer(isDeepStrictEqual(read, expected), 'its rows');
  },
};
