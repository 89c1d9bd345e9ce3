import type { Codec } from '@nestbit/core';
import type { Adapter, NeighbourRetention, PairRetention } from '@nestbit/core/train';
import type { HeldOut } from './held-out.ts';
import type { AdapterOptions } from './train-adapter.ts';

/** What `train --embeddings` prints. */
export function adapterTable(
  { out }: AdapterOptions,
  adapter: Adapter,
  codec: Codec,
  neighbours: readonly NeighbourRetention[],
  pairs: readonly PairRetention[] | undefined,
  held: HeldOut,
): string {
  const { float32, copy, bits } = codec.bytesPerRow;
  const how = pairs === undefined ? 'principal components of' : 'the Matryoshka loss of';
  const what = pairs === undefined ? 'rows' : 'pairs';
  const width = adapter.inputDimensions;
  const line = ({ dimensions, plain, mapped }: NeighbourRetention): string =>
    `${String(dimensions).padStart(10)}  ${plain.toFixed(4)}  ${mapped.toFixed(4)}`;
  const queries = held.rows.length / width;
  return [
    `${out}: ${width} → ${codec.dimensions} dimensions by ${how} ${adapter.rows} ${what}`,
    `bytes a vector: float32 ${float32}, copy ${copy}, bits ${bits}`,
    `neighbours kept: top 10 of ${queries} rows that were left out, among ${held.sample.length / width}`,
    'dimensions   plain  mapped',
    ...neighbours.map(line),
    ...(pairs === undefined
      ? []
      : [
          `pairs found: MRR@10 of ${queries} pairs that were left out`,
          'dimensions   plain  mapped',
          ...pairs.map(line),
        ]),
    `fingerprint ${codec.fingerprint}`,
    '',
  ].join('\n');
}
