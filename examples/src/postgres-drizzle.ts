// A bit column in drizzle, as packed bytes: its own `bit` is a string of 0 and 1. On a server the same with
// drizzle-orm/node-postgres.
import { calibrate } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { bitText, bytesOfBitText } from '@nestbit/pg-adapter/bits';
import { openPglite } from '@nestbit/pg-adapter/pglite';
import { sql } from 'drizzle-orm';
import { customType, integer, pgTable } from 'drizzle-orm/pg-core';
import { drizzle } from 'drizzle-orm/pglite';

const packed = customType<{ data: Uint8Array; driverData: string; config: { dimensions: number } }>({
  dataType: (config) => `bit(${config?.dimensions})`,
  toDriver: bitText,
  fromDriver: bytesOfBitText,
});
const items = pgTable('items', {
  id: integer().primaryKey(),
  bits: packed({ dimensions: 384 }).notNull(),
});

const embeddings = clusteredVectors(500, 384);
const codec = (await calibrate([embeddings], { inputDimensions: 384 })).codec();
const { bits } = codec.encode(embeddings);
const bitsOf = (row: number): Uint8Array => bits.slice(row * 48, (row + 1) * 48);

await using database = await openPglite();
const db = drizzle({ client: database.pglite });
await db.execute(sql`create table items (id integer primary key, bits bit(384) not null)`);
await db.insert(items).values(Array.from({ length: 500 }, (_, id) => ({ id, bits: bitsOf(id) })));

const distance = sql<number>`${items.bits} <~> ${bitText(bitsOf(42))}::bit(384)`;
const found = await db
  .select({ id: items.id, bits: items.bits, distance })
  .from(items)
  .orderBy(distance)
  .limit(3);
for (const row of found) console.log(row.id, row.distance);
console.log('the same bytes:', Buffer.compare(found[0].bits, bitsOf(42)) === 0);
