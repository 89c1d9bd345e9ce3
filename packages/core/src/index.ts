export { codecAdvice } from './codec/advice.ts';
export { bitScore, signSum, signSumTable } from './codec/bit-score.ts';
export { quantizeBits, toSignedBits, unpackBits } from './codec/bits.ts';
export {
  Calibration,
  type CalibrationOptions,
  type CalibrationTotals,
  type CodecOptions,
  calibrate,
} from './codec/calibration.ts';
export { Codec, type CodeMemory } from './codec/codec.ts';
export { formatCodec, parseCodec } from './codec/codec-file.ts';
export {
  type CopyKind,
  copyCodes,
  dequantizeCopy,
  quantizeCopy,
  type RowLayout,
  rowSums,
} from './codec/copies.ts';
export {
  dequantizeInt8,
  type Int8Profile,
  int8Steps,
  quantizeInt8,
  quantizeUint8,
  type Ranges,
} from './codec/int8.ts';
export { mapRows } from './codec/map.ts';
export { clampScore, rescoreScore } from './codec/rescore.ts';
export { hadamard, type Rotation, rotate } from './codec/rotation.ts';
export { SaturationCounter } from './codec/saturation.ts';
export { quantizeScalars, type ScalarSteps, scalarSteps, scalarUnits } from './codec/scalars.ts';
export type { CodecSettings } from './codec/settings.ts';
export { rowsOf } from './codec/shape.ts';
export { truncate } from './codec/truncate.ts';
export type { Codes, Id, PreparedQuery } from './codec/types.ts';
export {
  type Misuse,
  NestbitError,
  type NestbitErrorCode,
  outOfRange,
  throwIfAborted,
  wrongType,
} from './errors.ts';
export { type EvaluateOptions, type Evaluation, evaluate, type StageRecall } from './evaluate/evaluate.ts';
export { type EvaluatedStore, type EvaluateStoreOptions, evaluateStore } from './evaluate/evaluate-store.ts';
export { type ExactHits, ExactSearch } from './evaluate/exact-search.ts';
export { AtomicFile, writeFileAtomic } from './files/atomic-file.ts';
export { type JsonLine, readJsonl } from './files/jsonl.ts';
export { NpyFile, openNpy } from './files/npy-file.ts';
export type { NpyType } from './files/npy-header.ts';
export { NpyWriter } from './files/npy-writer.ts';
export { openFile, readText } from './files/open-file.ts';
export { readTextRecords, readVectorRecords, type TextRecord } from './files/records.ts';
export { Safetensors, safetensorsFile } from './files/safetensors.ts';
export { openVectors, type VectorBatch, type VectorSource } from './files/vectors.ts';
export { NetworkFloats } from './kernels/network-floats.ts';
export { MemoryStore, type MemoryStoreOptions, type SearchCandidates } from './memory/memory-store.ts';
export { type BeirSet, readBeir } from './metrics/beir.ts';
export { ndcgAtK } from './metrics/ndcg.ts';
export { recallAtK } from './metrics/recall.ts';
export { checkIds, checkKeys, takeBatch } from './store/batch.ts';
export { Calls } from './store/calls.ts';
export { beginEncoding, encodeBatch, rowsOfSlice } from './store/encoding/encode-batch.ts';
export { FieldRegistry } from './store/field-registry.ts';
export {
  type Condition,
  type FieldCondition,
  type Filter,
  fieldConditions,
  type Operators,
  parseFilter,
  type Scalar,
} from './store/filter.ts';
export { type BatchInput, flatVectors, type IdInput, oneQuery, type VectorInput } from './store/inputs.ts';
export { fieldValue, matches, predicateOf, valueTest } from './store/matches.ts';
export { checkPayloads, copyPayload, type Payload } from './store/payload.ts';
export { type SearchPlan, searchPlan } from './store/search-options.ts';
export { best, nearest } from './store/select.ts';
export type { Batch, Capabilities, Hit, SearchOptions, Store, StoredRow } from './store/store.ts';
export { compareText } from './store/text-order.ts';
export { Turns } from './store/turns.ts';
export {
  bitScorer,
  type CodeRows,
  type Ranked,
  refine,
  rescore,
  rescoreApart,
  type Scorer,
} from './store/two-stage.ts';
export { startThread } from './thread.ts';
