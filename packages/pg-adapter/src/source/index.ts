export { type DescribeOptions, describeSource } from './describe.ts';
export { type EncodedRows, encodeRows } from './encode-rows.ts';
export type { BadCode, BadRow, SourceKind } from './kinds.ts';
export { idText, readByIds, sourceSql, valueSql } from './read-by-ids.ts';
export { type KeyRange, type ReadOptions, readRange } from './read-range.ts';
export type { SourceRows } from './source-rows.ts';
export type { SourceTable } from './source-table.ts';
