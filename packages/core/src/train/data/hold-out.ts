import { Random } from '../random.ts';
import type { PairSet } from './pair-set.ts';

/** Pairs that are kept to measure with, at most; a twentieth of a small set. */
const MOST = 1000;

/** Random pairs, the same for the same count, that training does not see, and the others. Their texts may occur in other pairs. */
export function holdOut(pairs: PairSet): { training: PairSet; held: PairSet } {
  const count = pairs.anchors.length;
  const held = Math.min(MOST, Math.floor(count / 20));
  const order = Int32Array.from(pairs.anchors, (_, i) => i);
  new Random(count).shuffle(order);
  const chosen = new Set(order.subarray(0, held));
  const select = (wanted: boolean): PairSet => {
    const rows = Array.from({ length: count }, (_, i) => i).filter((i) => chosen.has(i) === wanted);
    return {
      ...pairs,
      anchors: Int32Array.from(rows, (i) => pairs.anchors[i]),
      positives: Int32Array.from(rows, (i) => pairs.positives[i]),
      negatives: Int32Array.from(
        rows.flatMap((i) => [
          ...pairs.negatives.subarray(i * pairs.negativesEach, (i + 1) * pairs.negativesEach),
        ]),
      ),
      scores: pairs.scores === undefined ? undefined : Float64Array.from(rows, (i) => pairs.scores?.[i] ?? 0),
    };
  };
  return { training: select(false), held: select(true) };
}
