export {
  type Pair,
  type Passage,
  readTrainRecords,
  type ScoredPair,
  type TrainRecord,
} from './data/records.ts';
export type { Retention } from './measure/retention.ts';
export type { TrainReport } from './messages.ts';
export type { ModelCardText, TrainOptions, TrainProgress } from './settings.ts';
export { train } from './train.ts';
