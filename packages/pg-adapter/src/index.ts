export { reusingSocket } from './connection/copy-socket.ts';
export type { Parity } from './follow/parity/parity.ts';
export type { CodeFault } from './follow/parity/stored.ts';
export type { QueueState } from './follow/queue-state.ts';
export type { IndexProgress, IndexState, PgIndex } from './index-build/index-builder.ts';
export type { IdType } from './schema/tables.ts';
export type { Explanation } from './search/explain.ts';
export type { PgSearchOptions } from './search/plan.ts';
export type { Cutover } from './shrink/cutover/cutover.ts';
export type {
  ShrinkMaking,
  ShrinkPace,
  ShrinkProgress,
  ShrinkTarget,
  StartOptions,
} from './shrink/options.ts';
export type { PlannedStatement, PlanOptions, ShrinkPlan } from './shrink/plan/plan.ts';
export type { Rollback } from './shrink/rollback.ts';
export { Shrink } from './shrink/shrink.ts';
export type { ShrinkStatus } from './shrink/status.ts';
export type { Measured, Recall } from './shrink/verify/recall.ts';
export type { Verification, VerifyOptions } from './shrink/verify/verify.ts';
export type { AttachOptions } from './store/attach-store.ts';
export type { CreateOptions, OpenOptions, PgPool } from './store/open-store.ts';
export type { StoreStats } from './store/opened-store.ts';
export { PgStore } from './store/pg-store.ts';
export type { TextEncoder } from './sync/follow.ts';
export { type FollowTextsOptions, followTexts } from './sync/follow-texts.ts';
export { prometheusText, type SyncCounts, type SyncMetrics } from './sync/metrics.ts';
export { SyncWorker } from './sync/worker.ts';
export type { SyncWorkerOptions } from './sync/worker-options.ts';
