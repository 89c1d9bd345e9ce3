import { NestbitError, wrongType } from '@nestbit/core';
import type { Pool } from 'pg';
import { followedSource, followRecord } from '../follow/following.ts';
import { appends } from '../follow/queue-state.ts';
import { readStore } from '../schema/registry.ts';
import type { Follow, TextEncoder } from './follow.ts';

/** What a store follows, as the database has it. @throws NestbitError `STORE_NOT_FOUND`, `CODEC_MISMATCH`; TypeError */
export async function findFollow(
  pool: Pool,
  schema: string,
  store: string,
  encoder: TextEncoder | undefined,
  prompt: string | undefined,
): Promise<Follow> {
  const found = await followRecord(pool, schema, store);
  if (found === undefined) {
    throw new NestbitError(
      'STORE_NOT_FOUND',
      (await readStore(pool, schema, store)) === undefined
        ? `There is no store ${JSON.stringify(store)} in the schema ${schema}; begin with nestbit shrink start (embeddings) or nestbit sync --text-column (texts).`
        : `The store ${JSON.stringify(store)} follows no table; begin with nestbit shrink start (embeddings) or nestbit sync --text-column (texts).`,
    );
  }
  const following = await followedSource(found);
  const { source } = following;
  if (source.kind === 'text') checkEncoder(encoder, following.record.codec, store);
  return { ...following, appends: await appends(pool, following.sync), encoder, prompt };
}

export function checkEncoder(
  encoder: TextEncoder | undefined,
  codec: { readonly inputDimensions: number; readonly settings: { readonly model: string | undefined } },
  store: string,
): asserts encoder is TextEncoder {
  if (encoder === undefined) throw wrongType(`encoder must be given: ${store} follows a column of text`);
  const { model } = codec.settings;
  if (encoder.dimensions === codec.inputDimensions && (model === undefined || model === encoder.identity))
    return;
  throw new NestbitError(
    'CODEC_MISMATCH',
    `The codec of ${store} is for ${codec.inputDimensions} dimensions of the model ${model ?? '(unknown)'}, the encoder gives ` +
      `${encoder.dimensions} of ${encoder.identity}. Give the encoder of that model, or make another store.`,
  );
}
