export {
  type EmbeddingPairs,
  fitLinear,
  type LinearAdapter,
  type LinearOptions,
  type LinearProgress,
} from './adapter/linear.ts';
export { type Adapter, fitPca, type PcaAdapter, type PcaOptions } from './adapter/pca.ts';
export {
  type NeighbourRetention,
  neighbourRetention,
  type PairRetention,
  pairRetention,
} from './adapter/retention.ts';
export {
  type Pair,
  type Passage,
  readTrainRecords,
  type ScoredPair,
  type TrainRecord,
  type Triplet,
} from './data/records.ts';
export type { Retention } from './measure/retention.ts';
export type { TrainReport } from './messages.ts';
export type { ModelCardText, ModelFile, TrainOptions, TrainProgress } from './settings.ts';
export { train } from './train.ts';
