import { NestbitError } from '../../errors.ts';
import type { PairSet } from '../data/pair-set.ts';
import type { TrainSettings } from '../settings.ts';

/** Share of the steps in which the learning rate rises to its highest; then it falls to 0 in a line. */
const WARM_UP = 0.1;

/** Whether the loss goes one way: with hard negatives it must, since these look for nothing. */
export function oneWayOf({ negativesEach, scores }: PairSet, { oneWay }: TrainSettings): boolean {
  if (scores !== undefined && oneWay !== undefined)
    throw new NestbitError(
      'DATASET_INVALID',
      'Scored pairs are trained by CoSENT, which has no directions; leave oneWay out.',
    );
  if (negativesEach > 0 && oneWay === false)
    throw new NestbitError(
      'DATASET_INVALID',
      'Hard negatives are compared with anchors only, so that the loss goes one way; leave oneWay out.',
    );
  return oneWay ?? negativesEach > 0;
}

/** The pairs of a batch: as many as wanted, or a 64th of all, 64 to 2048 texts; never more than there are. */
export function batchOf(wanted: number | undefined, pairs: number, negativesEach: number): number {
  const eights = (count: number): number => Math.floor(count / 8) * 8;
  const most = Math.max(8, eights(2048 / (1 + negativesEach)));
  return Math.min(wanted ?? Math.min(most, Math.max(64, eights(pairs / 64))), eights(pairs));
}

export function schedule(step: number, steps: number): number {
  const rising = Math.max(1, Math.round(WARM_UP * steps));
  return step < rising ? step / rising : Math.max(0, (steps + 1 - step) / (steps + 1 - rising));
}

export function diverged(step: number, loss: number, rate: number): NestbitError {
  return new NestbitError(
    'TRAINING_DIVERGED',
    `The loss is ${loss} at step ${step}: the training has diverged at the learning rate ${rate}; try ${rate / 10}.`,
  );
}
