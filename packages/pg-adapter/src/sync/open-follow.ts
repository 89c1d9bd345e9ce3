import { NestbitError } from '@nestbit/core';
import type { Pool } from 'pg';
import { readShrink } from '../follow/state.ts';
import { readStore } from '../schema/registry.ts';
import { describeSource } from '../source/describe.ts';
import { translated } from '../sql/failures.ts';
import type { Follow, TextEncoder } from './follow.ts';

/** What a store follows, as the database has it. @throws NestbitError `STORE_NOT_FOUND`, `CODEC_MISMATCH`; TypeError */
export async function findFollow(
  pool: Pool,
  schema: string,
  store: string,
  encoder: TextEncoder | undefined,
  prompt: string | undefined,
): Promise<Follow> {
  const record = await readStore(pool, schema, store);
  const state = record && (await readShrink(pool, schema, store));
  if (record?.source === undefined || state === undefined) {
    throw new NestbitError(
      'STORE_NOT_FOUND',
      record === undefined
        ? `There is no store ${JSON.stringify(store)} in the schema ${schema}; begin with nestbit shrink start (embeddings) or nestbit sync --text-column (texts).`
        : `The store ${JSON.stringify(store)} follows no table; begin with nestbit shrink start (embeddings) or nestbit sync --text-column (texts).`,
    );
  }
  const { schema: tableSchema, table, id } = record.source;
  const source = await describeSource(pool, { table, tableSchema, id, column: state.column }).catch(
    (error) => {
      throw translated(error);
    },
  );
  if (source.kind === 'text') checkEncoder(encoder, record.codec, store);
  return {
    pool,
    record,
    encoder,
    prompt,
    sync: {
      schema,
      store,
      source,
      dimensions: record.codec.dimensions,
      layout: record.layout,
      bitsInTrigger: state.settings.bitsInTrigger === true,
    },
  };
}

export function checkEncoder(
  encoder: TextEncoder | undefined,
  codec: { readonly inputDimensions: number; readonly settings: { readonly model: string | undefined } },
  store: string,
): asserts encoder is TextEncoder {
  if (encoder === undefined) throw new TypeError(`encoder must be given: ${store} follows a column of text`);
  const { model } = codec.settings;
  if (encoder.dimensions === codec.inputDimensions && (model === undefined || model === encoder.identity))
    return;
  throw new NestbitError(
    'CODEC_MISMATCH',
    `The codec of ${store} is for ${codec.inputDimensions} dimensions of the model ${model ?? '(unknown)'}, the encoder gives ` +
      `${encoder.dimensions} of ${encoder.identity}. Give the encoder of that model, or make another store.`,
  );
}
