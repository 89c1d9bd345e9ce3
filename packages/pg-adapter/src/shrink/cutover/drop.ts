import type { PoolClient } from 'pg';
import type { FollowRecord } from '../../follow/following.ts';
import { dropFunctions } from '../../follow/install.ts';
import { cutoverNames } from './ddl.ts';

/** Removes the view and the functions of a cutover, within a transaction. */
export async function dropCutover(client: PoolClient, { schema, name }: FollowRecord): Promise<void> {
  const { relations, view } = cutoverNames({ schema, name });
  await client.query(`drop view if exists ${view}`);
  await dropFunctions(client, relations.search);
}
