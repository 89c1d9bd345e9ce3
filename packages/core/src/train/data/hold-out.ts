import type { PairSet } from './pair-set.ts';

/** Pairs that are kept to measure with, at most; a twentieth of a small set. */
const MOST = 1000;

/** Evenly spread pairs that training does not see, and the others. Their texts may occur in other pairs. */
export function holdOut(pairs: PairSet): { training: PairSet; held: PairSet } {
  const count = pairs.anchors.length;
  const held = Math.min(MOST, Math.floor(count / 20));
  const chosen = new Set(Array.from({ length: held }, (_, i) => Math.floor(((i + 0.5) * count) / held)));
  const select = (wanted: boolean): PairSet => {
    const rows = Array.from({ length: count }, (_, i) => i).filter((i) => chosen.has(i) === wanted);
    return {
      ...pairs,
      anchors: Int32Array.from(rows, (i) => pairs.anchors[i]),
      positives: Int32Array.from(rows, (i) => pairs.positives[i]),
      scores: pairs.scores === undefined ? undefined : Float64Array.from(rows, (i) => pairs.scores?.[i] ?? 0),
    };
  };
  return { training: select(false), held: select(true) };
}
