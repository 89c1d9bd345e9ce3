export {
  BinaryIndex,
  type BinaryIndexHits,
  type BinaryIndexOptions,
  type BinaryIndexSearch,
} from './binary-index.ts';
export { FloatIndexFile, openFloatIndex } from './float-index/float-index.ts';
export { type DocumentBatch, LangChainFolder, openLangChainFolder } from './float-index/langchain.ts';
export type { ExportOptions } from './store/export.ts';
export { FaissStore } from './store/faiss-store.ts';
export type { IndexProgress } from './store/index-keeper.ts';
export type { CreateOptions, OpenOptions, StoreBytes } from './store/open-store.ts';
export type { StoreIndex, StoreTuning } from './store/settings.ts';
export type { StoreStats } from './store/stats.ts';
export type { FaissSearchOptions } from './store/store-search.ts';
