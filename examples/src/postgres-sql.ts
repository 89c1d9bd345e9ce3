// Bits in a column of your own, by plain SQL: packed bytes in, packed bytes out, Hamming distance in the database.
import { calibrate } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { bitParameter, packedBits } from '@nestbit/pg-adapter/bits';
import { openPglite } from '@nestbit/pg-adapter/pglite';

const embeddings = clusteredVectors(500, 384);
const codec = (await calibrate([embeddings], { inputDimensions: 384 })).codec();
const { bits, rows } = codec.encode(embeddings);
const bitsOf = (row: number): Uint8Array => bits.subarray(row * 48, (row + 1) * 48);

await using database = await openPglite();
const { pool } = database;
await pool.query('create table items (id integer primary key, bits bit(384) not null)');
for (let row = 0; row < rows; row++)
  await pool.query('insert into items values ($1, $2)', [row, bitParameter(bitsOf(row))]);
await pool.query('create index on items using hnsw (bits bit_hamming_ops)');

const found = await pool.query<{ id: number; distance: number; bits: Buffer }>(
  `select id, bits <~> $1::bit(384) as distance, ${packedBits('bits')} as bits from items order by bits <~> $1::bit(384) limit 3`,
  [bitParameter(bitsOf(42))],
);
for (const { id, distance } of found.rows) console.log(id, distance);
console.log('the same bytes:', Buffer.compare(found.rows[0].bits, bitsOf(42)) === 0);
