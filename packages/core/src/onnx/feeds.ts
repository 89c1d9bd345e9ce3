import { Tensor } from 'onnxruntime-node';
import type { Input } from './graph.ts';
import type { Side } from './sides.ts';

/** Where the tokens of a row begin in its padded row. */
export function firstToken(length: number, paddedLength: number, padding: Side): number {
  return padding === 'left' ? paddedLength - length : 0;
}

/** What a batch is padded with, and the task that it is encoded for. */
export interface Filling {
  readonly padding: Side;
  readonly padId: number;
  readonly task: number;
}

/** The tensors of a batch that the model takes. Padding is masked; positions count from a row's own start. */
export function makeFeeds(
  inputs: readonly Input[],
  batch: readonly (readonly number[])[],
  filling: Filling,
): Record<string, Tensor> {
  return Object.fromEntries(inputs.map((input) => [input.name, feed(input, batch, filling)]));
}

function feed(input: Input, batch: readonly (readonly number[])[], filling: Filling): Tensor {
  if (input.role === 'past') {
    // No token came before these: the cache has no length.
    const values = input.type === 'float16' ? new Uint16Array(0) : new Float32Array(0);
    return new Tensor(input.type, values as never, [batch.length, input.heads, 0, input.headWidth]);
  }
  if (input.role === 'use_cache_branch') return new Tensor('bool', [false], [1]);
  if (input.role === 'task_id') return whole(input, Int32Array.of(filling.task), input.axes === 0 ? [] : [1]);
  const width = Math.max(...batch.map((ids) => ids.length));
  const values = new Int32Array(batch.length * width);
  if (input.role === 'input_ids' && filling.padId !== 0) values.fill(filling.padId);
  batch.forEach((ids, row) => {
    const first = row * width + firstToken(ids.length, width, filling.padding);
    // token_type_ids stay 0: there is one segment.
    for (let i = 0; i < ids.length; i++) {
      if (input.role === 'input_ids') values[first + i] = ids[i];
      else if (input.role === 'attention_mask') values[first + i] = 1;
      else if (input.role === 'position_ids') values[first + i] = i;
    }
  });
  return whole(input, values, [batch.length, width]);
}

/** A tensor of small whole numbers that are not negative. */
function whole({ type }: Input, values: Int32Array, shape: readonly number[]): Tensor {
  if (type === 'int32') return new Tensor('int32', values, shape);
  const wide = new BigInt64Array(values.length);
  // Values are written as their low halves, without a BigInt each.
  const low = new Int32Array(wide.buffer);
  for (let i = 0; i < values.length; i++) low[2 * i] = values[i];
  return new Tensor('int64', wide, shape);
}
