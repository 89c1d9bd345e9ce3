import { NestbitError } from '../../errors.ts';
import type { TextPairs } from './pair-builder.ts';

/**
 * Refuses data that nothing can be learnt from.
 *
 * @throws NestbitError `DATASET_INVALID` where all pairs are of a text with itself, or all scores are the same
 */
export function checkPairs({ anchors, identical }: TextPairs, scores: Float64Array | undefined): void {
  if (anchors.length === 0 && identical > 0)
    throw new NestbitError(
      'DATASET_INVALID',
      `All ${identical} pairs are of a text with itself, which teaches nothing; give two different texts that belong ` +
        'together.',
    );
  if (scores !== undefined && scores.length > 1 && scores.every((score) => score === scores[0]))
    throw new NestbitError(
      'DATASET_INVALID',
      `All ${scores.length} scores are ${scores[0]}, and only their order is learnt; give scores that differ, or leave ` +
        '"score" out to train on the pairs.',
    );
}
