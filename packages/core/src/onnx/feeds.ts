import { Tensor } from 'onnxruntime-node';
import type { Side } from './sides.ts';

/** The inputs that nestbit can fill; all are int64, batch × length. */
export const KNOWN_INPUTS: readonly string[] = [
  'input_ids',
  'attention_mask',
  'token_type_ids',
  'position_ids',
];

/** Where the tokens of a row begin in its padded row. */
export function firstToken(length: number, paddedLength: number, padding: Side): number {
  return padding === 'left' ? paddedLength - length : 0;
}

/** The tensors of a batch that the model takes. Padding is masked; positions count from a row's own start. */
export function makeFeeds(
  inputs: readonly string[],
  batch: readonly (readonly number[])[],
  padding: Side,
  padId: number,
): Record<string, Tensor> {
  const width = Math.max(...batch.map((ids) => ids.length));
  const feeds: Record<string, Tensor> = {};
  for (const name of inputs) {
    const values = new BigInt64Array(batch.length * width);
    if (name === 'input_ids' && padId !== 0) values.fill(BigInt(padId));
    // Values are written as their low halves, without a BigInt each: all are small and not negative.
    const low = new Int32Array(values.buffer);
    batch.forEach((ids, row) => {
      const first = row * width + firstToken(ids.length, width, padding);
      // token_type_ids stay 0: there is one segment.
      for (let i = 0; i < ids.length; i++) {
        if (name === 'input_ids') low[2 * (first + i)] = ids[i];
        else if (name === 'attention_mask') low[2 * (first + i)] = 1;
        else if (name === 'position_ids') low[2 * (first + i)] = i;
      }
    });
    feeds[name] = new Tensor('int64', values, [batch.length, width]);
  }
  return feeds;
}
