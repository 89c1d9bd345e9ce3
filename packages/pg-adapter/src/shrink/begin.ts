import { NestbitError } from '@nestbit/core';
import type { Pool } from 'pg';
import { transaction } from '../connection/transaction.ts';
import type { Following } from '../follow/following.ts';
import { prepareRegistry } from '../follow/registry.ts';
import { createShrink, hasTable, type ShrinkSettings } from '../follow/state.ts';
import { indexesBits, serverOf } from '../index-build/server.ts';
import { createStore, readStore } from '../schema/registry.ts';
import { refuseHiddenRows } from '../source/row-security.ts';
import { contextOf, findContext, type NamedTarget, sourceOf } from './context.ts';
import type { ShrinkMaking } from './options.ts';
import { codecFor } from './sample/calibrate-source.ts';

/** The migration of a target, made when there is none: its store, empty, with a codec calibrated on a sample. */
export async function beginMigration(
  pool: Pool,
  target: NamedTarget,
  making: ShrinkMaking,
): Promise<Following> {
  const there = await findContext(pool, target);
  if (there !== undefined) {
    await refuseHiddenRows(pool, there.source);
    return await checked(there, making);
  }
  const source = await sourceOf(pool, target);
  const { schema, name } = target;
  const before = (await hasTable(pool, schema, 'stores')) ? await readStore(pool, schema, name) : undefined;
  if (
    before !== undefined &&
    (before.source?.schema !== source.schema ||
      before.source.table !== source.table ||
      before.source.id !== source.id)
  ) {
    throw new NestbitError(
      'STORE_EXISTS',
      `There is a store ${name} already, which does not belong to ${source.schema}.${source.table} (${source.id}). Give another name.`,
    );
  }
  const codec = before?.codec ?? (await codecFor(pool, source, making));
  const { bitsInTrigger = false } = making;
  if (
    bitsInTrigger &&
    (codec.settings.rotation !== 'none' ||
      codec.settings.mean !== undefined ||
      !['vector', 'halfvec'].includes(source.kind))
  ) {
    throw new NestbitError(
      'UNSUPPORTED',
      `bitsInTrigger needs bits that SQL can compute: rotation and center none, and a vector or halfvec column; here are ` +
        `rotation ${codec.settings.rotation}, center ${codec.settings.mean === undefined ? 'none' : 'mean'}, ${source.kind}.`,
    );
  }
  await prepareRegistry(pool, schema);
  const index = making.index ?? (indexesBits(await serverOf(pool)) ? { kind: 'hnsw' as const } : 'none');
  const { notify } = making;
  const settings: ShrinkSettings = {
    index,
    bitsInTrigger,
    adopted: before !== undefined,
    ...(notify !== undefined && { notify }),
  };
  await transaction(pool, async (client) => {
    if (before === undefined) {
      const { idType, schema: tableSchema, table, id } = source;
      await createStore(client, schema, {
        name,
        idType,
        codec,
        source: { schema: tableSchema, table, id, columns: [] },
      });
    }
    await createShrink(client, schema, { name, column: source.column, kind: source.kind, settings });
  });
  return await checked(await contextOf(pool, target), making);
}

async function checked(context: Following, { codec }: ShrinkMaking): Promise<Following> {
  const { record, name, source } = context;
  if (codec !== undefined && codec.fingerprint !== record.codec.fingerprint) {
    throw new NestbitError(
      'CODEC_MISMATCH',
      `The migration ${name} has the codec ${record.codec.fingerprint}, ${codec.fingerprint} was given. Leave it out, or roll back first.`,
    );
  }
  if (source.dimensions !== undefined && source.dimensions !== record.codec.inputDimensions) {
    throw new NestbitError(
      'CODEC_MISMATCH',
      `The codec of ${name} reads ${record.codec.inputDimensions} dimensions, ${source.column} has ${source.dimensions} now. Roll back, and begin anew.`,
    );
  }
  return context;
}
