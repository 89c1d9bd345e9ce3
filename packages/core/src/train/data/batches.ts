import { Random } from '../random.ts';
import type { PairSet } from './pair-set.ts';

/**
 * The batches of one epoch, numbers of pairs: shuffled by seed and epoch alone, and no text twice in a batch, where it
 * would be its own wrong answer. Pairs that are left over at the end wait for another epoch.
 */
export function* batchesOf(
  pairs: PairSet,
  batch: number,
  seed: number,
  epoch: number,
): Generator<Int32Array> {
  const order = Int32Array.from(pairs.anchors, (_, i) => i);
  new Random(Math.imul(seed, 0x9e3779b1) ^ (epoch + 1)).shuffle(order);
  const usedBy = new Int32Array(pairs.starts.length - 1);
  // A negative may serve many anchors, but a text that is right for one is never wrong for others of the batch.
  const wrongIn = new Int32Array(pairs.starts.length - 1);
  const { negativesEach } = pairs;
  let deferred: number[] = [];
  let next = 0;
  for (let round = 1; ; round++) {
    const out = new Int32Array(batch);
    let count = 0;
    const still: number[] = [];
    const take = (pair: number): void => {
      const anchor = pairs.anchors[pair];
      const positive = pairs.positives[pair];
      const negatives = pairs.negatives.subarray(pair * negativesEach, (pair + 1) * negativesEach);
      const clashes = wrongIn[positive] === round || negatives.some((text) => usedBy[text] === round);
      if (count === batch || clashes || usedBy[anchor] === round || usedBy[positive] === round) {
        still.push(pair);
        return;
      }
      usedBy[anchor] = round;
      usedBy[positive] = round;
      for (const text of negatives) wrongIn[text] = round;
      out[count++] = pair;
    };
    for (const pair of deferred) take(pair);
    while (count < batch && next < order.length) take(order[next++]);
    if (count < batch) return;
    deferred = still;
    yield out;
  }
}
