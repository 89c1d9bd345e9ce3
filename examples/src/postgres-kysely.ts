// A bit column in kysely: packed bytes as binary parameters, and back as bytea.
import { calibrate } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { bitParameter, packedBits } from '@nestbit/pg-adapter/bits';
import { openPglite } from '@nestbit/pg-adapter/pglite';
import { Kysely, PostgresDialect, sql } from 'kysely';

interface Tables {
  items: { id: number; bits: Buffer };
}

const embeddings = clusteredVectors(500, 384);
const codec = (await calibrate([embeddings], { inputDimensions: 384 })).codec();
const { bits } = codec.encode(embeddings);
const bitsOf = (row: number): Uint8Array => bits.subarray(row * 48, (row + 1) * 48);

await using database = await openPglite();
const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: database.pool }) });
await sql`create table items (id integer primary key, bits bit(384) not null)`.execute(db);
const rows = Array.from({ length: 500 }, (_, id) => ({ id, bits: bitParameter(bitsOf(id)) }));
await db.insertInto('items').values(rows).execute();

const found = await db
  .selectFrom('items')
  .select(['id', sql<Buffer>`${sql.raw(packedBits('bits'))}`.as('packed')])
  .select(sql<number>`bits <~> ${bitParameter(bitsOf(42))}::bit(384)`.as('distance'))
  .orderBy('distance')
  .limit(3)
  .execute();
for (const row of found) console.log(row.id, row.distance);
console.log('the same bytes:', Buffer.compare(found[0].packed, bitsOf(42)) === 0);
