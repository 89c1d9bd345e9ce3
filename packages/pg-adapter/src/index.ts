export type { IndexProgress, IndexState, PgIndex } from './index-build/index-builder.ts';
export type { IdType } from './schema/tables.ts';
export type { Explanation } from './search/explain.ts';
export type { PgSearchOptions } from './search/plan.ts';
export type { AttachOptions } from './store/attach-store.ts';
export type { CreateOptions, OpenOptions, PgPool } from './store/open-store.ts';
export type { StoreStats } from './store/opened-store.ts';
export { PgStore } from './store/pg-store.ts';
