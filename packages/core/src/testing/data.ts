import { Calibration } from '../codec/calibration.ts';
import type { Codec } from '../codec/codec.ts';
import type { Id } from '../codec/types.ts';
import type { Payload } from '../store/payload.ts';

/** Width of the contract's embeddings and of what its codec keeps. */
export const WIDTH = 96;
export const KEPT = 64;

/** Seeded embeddings in clusters: rows × WIDTH. */
export function embeddings(rows: number, seed: number): Float32Array {
  // mulberry32 (Tommy Ettinger, public domain).
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32 - 0.5;
  };
  const out = new Float32Array(rows * WIDTH);
  for (let row = 0; row < rows; row++) {
    const cluster = Math.floor((next() + 0.5) * 12);
    for (let i = 0; i < WIDTH; i++)
      out[row * WIDTH + i] = Math.sin(cluster * 17 + i * (cluster + 1)) + next();
  }
  return out;
}

export function contractCodec(model?: string): Codec {
  const calibration = new Calibration({ inputDimensions: WIDTH, dimensions: KEPT });
  calibration.add(embeddings(500, 99));
  return calibration.codec(model === undefined ? {} : { model });
}

export interface Sample {
  readonly ids: Id[];
  readonly embeddings: Float32Array;
  readonly payloads: Payload[];
}

/** The given rows of a sample, in that order. */
export function pick(rows: Sample, which: readonly number[]): Sample {
  return {
    ids: which.map((row) => rows.ids[row]),
    embeddings: Float32Array.from(
      which.flatMap((row) => [...rows.embeddings.subarray(row * WIDTH, (row + 1) * WIDTH)]),
    ),
    payloads: which.map((row) => rows.payloads[row]),
  };
}

/** Rows with payloads of every type: `row` counts, `half`, `percent` and `rare` select 50 %, 1 % and one row. */
export function sample(rows: number, ids: (row: number) => Id, seed = 1): Sample {
  return {
    ids: Array.from({ length: rows }, (_, row) => ids(row)),
    embeddings: embeddings(rows, seed),
    payloads: Array.from({ length: rows }, (_, row) => ({
      row,
      half: row % 2 === 0,
      percent: row % 100 === 7 ? 'yes' : 'no',
      rare: row === 1234 ? 'only' : null,
      word: ['zebra', 'Äpfel', '\u{1F600}', '\uFF5E', ''][row % 5],
      ...(row % 3 === 0 ? { third: row } : {}),
      nested: { deep: [row], name: `n${row % 10}`, count: row, own: 'path' },
      ...(row % 4 === 0 ? { 'nested.own': 'whole' } : {}),
      tags: [row % 2 === 0 ? 'even' : 'odd', row % 7, ['even'], ...(row % 5 === 0 ? [null] : [])],
    })),
  };
}
