import { firstToken } from './feeds.ts';
import type { TokenPooling } from './model/pooling-config.ts';
import type { Side } from './sides.ts';

/** One row's token vectors. */
interface Tokens {
  /** The vector of a token, by its number in the row. */
  readonly vector: (at: number) => Float32Array;
  readonly length: number;
  /** The first token that counts in max and means. */
  readonly first: number;
}

/**
 * Pools token vectors (batch × length × dimensions) into rows of modes · dimensions values, the modes one after the
 * other.
 *
 * @param lengths tokens of each row, at least 1; the rest is padding, on the side `padding`
 * @param skip leading tokens, those of a prompt, that do not count in max and means
 */
export function pool(
  modes: readonly TokenPooling[],
  hidden: Float32Array,
  lengths: readonly number[],
  paddedLength: number,
  dimensions: number,
  padding: Side,
  skip: number,
): Float32Array[] {
  return lengths.map((length, row) => {
    const start = row * paddedLength + firstToken(length, paddedLength, padding);
    const vector = (at: number): Float32Array =>
      hidden.subarray((start + at) * dimensions, (start + at + 1) * dimensions);
    const out = new Float32Array(modes.length * dimensions);
    const tokens = { vector, length, first: Math.min(skip, length - 1) };
    modes.forEach((mode, i) => {
      POOLS[mode](tokens, out.subarray(i * dimensions, (i + 1) * dimensions));
    });
    return out;
  });
}

const POOLS: Readonly<Record<TokenPooling, (tokens: Tokens, out: Float32Array) => void>> = {
  cls: ({ vector }, out) => out.set(vector(0)),
  lasttoken: ({ vector, length }, out) => out.set(vector(length - 1)),
  max: ({ vector, length, first }, out) => {
    out.set(vector(first));
    for (let at = first + 1; at < length; at++) {
      const token = vector(at);
      for (let i = 0; i < out.length; i++) out[i] = Math.max(out[i], token[i]);
    }
  },
  mean: (tokens, out) =>
    weighted(
      tokens,
      out,
      () => 1,
      (sum) => sum,
    ),
  mean_sqrt_len_tokens: (tokens, out) => weighted(tokens, out, () => 1, Math.sqrt),
  // Positions count from 1, the prompt's tokens included.
  weightedmean: (tokens, out) =>
    weighted(
      tokens,
      out,
      (at) => at + 1,
      (sum) => sum,
    ),
};

/** The sum of weighted vectors, divided by a function of the sum of the weights. */
function weighted(
  { vector, length, first }: Tokens,
  out: Float32Array,
  weightAt: (at: number) => number,
  divisor: (weights: number) => number,
): void {
  const sums = new Float64Array(out.length);
  let weights = 0;
  for (let at = first; at < length; at++) {
    const token = vector(at);
    const weight = weightAt(at);
    weights += weight;
    for (let i = 0; i < sums.length; i++) sums[i] += weight * token[i];
  }
  const by = divisor(weights);
  for (let i = 0; i < sums.length; i++) out[i] = sums[i] / by;
}
