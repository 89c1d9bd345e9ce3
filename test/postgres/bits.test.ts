import { bitParameter, bitText, bytesOfBitText, packedBits, registerTypes } from '@nestbit/pg-adapter/bits';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, oneWithVector } from '../support/postgres/databases.ts';

const bits = Uint8Array.from([0b10110001, 0, 255, 1]);
let database: Database;
beforeAll(async () => {
  database = await oneWithVector().open();
});
afterAll(async () => {
  await database?.close();
});

test('packed bytes go in as a binary parameter and come back, most significant bit first', async () => {
  const { rows } = await database.pool.query(
    `select $1::bit(32)::text as text, ${packedBits('$1::bit(32)')} as bytes, binary_quantize('[1,-1,0,2,0,0,0,1]'::vector)::text as sign`,
    [bitParameter(bits)],
  );
  expect(rows[0].text).toBe(bitText(bits));
  expect([...rows[0].bytes]).toEqual([...bits]);
  expect([...bytesOfBitText(rows[0].sign)]).toEqual([0b10010001]);
});

test('registered types give vectors as numbers and bits as packed bytes', async () => {
  const client = await database.pool.connect();
  await registerTypes(client);
  const { rows } = await client.query(`select '[1,2.5]'::vector as vector, $1::bit(32) as bits`, [
    bitText(bits),
  ]);
  expect(rows[0]).toEqual({ vector: [1, 2.5], bits });
  client.release(true);
});

test('text that is no bits of whole bytes is refused', () => {
  for (const text of ['1', '0101010', '0101010x']) expect(() => bytesOfBitText(text)).toThrow(RangeError);
});
