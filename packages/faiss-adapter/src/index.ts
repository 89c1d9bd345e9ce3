export {
  BinaryIndex,
  type BinaryIndexHits,
  type BinaryIndexOptions,
  type BinaryIndexSearch,
} from './binary-index.ts';
