import { type Batch, checkIds, encodeBatch } from '@nestbit/core';
import { beforeAll, expect, test } from 'vitest';
import type { Codec } from '../../packages/core/src/codec/codec.ts';
import { contractCodec, embeddings } from '../../packages/core/src/testing/data.ts';
import { refusal } from '../support/files.ts';

let codec: Codec;
beforeAll(() => {
  codec = contractCodec();
});

const refused = (batch: unknown): Promise<string> => refusal(() => encodeBatch(batch as Batch, codec));

test('a duplicate id is named with both of its rows', async () => {
  expect(await refusal(() => checkIds(['a', 'b', 'c', 'b']))).toBe(
    'ID_DUPLICATE: The id b stands in rows 1 and 3 of one batch; keep the row that is to win.',
  );
  await checkIds(['17', 17n]);
  for (const ids of [
    [1n, 1n, 0n],
    [1n, 2n, 5n, 3n, 2n],
    [5n, 4n, 3n, 4n],
    ['a', 'b', 1n, 'b'],
  ]) {
    const duplicate = ids.findLastIndex((id) => ids.indexOf(id) !== ids.lastIndexOf(id));
    expect(await refusal(() => checkIds(ids))).toContain(
      ` stands in rows ${ids.indexOf(ids[duplicate])} and ${duplicate} `,
    );
  }
});

test('holes and numbers among the ids are refused, not skipped', async () => {
  expect(await refusal(() => checkIds(new Array(3)))).toMatch(
    /^ID_INVALID: The id in row 0 is of type undefined/,
  );
  expect(await refusal(() => checkIds(['a', 17 as never]))).toMatch(/^ID_INVALID: .*row 1.*BigInt\(number\)/);
});

test('codes of another codec are refused with both fingerprints and the way out', async () => {
  const foreign = contractCodec('another').encode(embeddings(1, 1));
  const message = await refused({ ids: ['a'], codes: foreign });
  expect(message).toMatch(/^CODEC_MISMATCH: /);
  expect(message).toContain(foreign.fingerprint);
  expect(message).toContain(codec.fingerprint);
  expect(message).toContain('encode the embeddings with the codec of the store');
});

test('what is wrong in a payload is named with its row and place', async () => {
  const payload = (value: unknown): Promise<string> =>
    refused({ ids: ['a', 'b'], embeddings: embeddings(2, 1), payloads: [undefined, value] });
  expect(await payload({ a: { b: [1, Number.NaN] } })).toMatch(
    /^PAYLOAD_INVALID: .*row 1 is NaN.*\(at \.a\.b\[1\]\)/,
  );
  expect(await payload({ at: new Date(0) })).toMatch(/row 1 is of class Date.*\(at \.at\)/);
  expect(await payload({ a: undefined })).toMatch(/is undefined.*leave the field out/);
  expect(await payload({ a: 5n })).toMatch(/is a bigint/);
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  expect(await payload(circle)).toMatch(/nested more than 100 deep, or contains itself/);
  expect(await payload(new Map())).toMatch(/is no JSON object/);
  expect(await payload(JSON.parse('{"__proto__":{"a":[null,"",false,1e300]}}'))).toBe('accepted');
});

test('a batch of neither or both kinds of rows is a TypeError', async () => {
  const both = { ids: ['a'], embeddings: embeddings(1, 1), codes: codec.encode(embeddings(1, 1)) };
  for (const batch of [{ ids: ['a'] }, both, null, { ids: 'a' }, { ids: ['a'], codes: {} }])
    await expect(encodeBatch(batch as never, codec)).rejects.toThrow(TypeError);
});

test('a large batch is encoded in slices, with the codes of one go, and can be aborted between them', async () => {
  const rows = embeddings(30_000, 5);
  const ids = Array.from({ length: 30_000 }, (_, row) => BigInt(row));
  const [sliced, whole] = [await encodeBatch({ ids, embeddings: rows }, codec), codec.encode(rows)];
  expect(Buffer.compare(sliced.bits, whole.bits)).toBe(0);
  expect(Buffer.compare(sliced.copies, whole.copies)).toBe(0);
  expect(sliced).toMatchObject({ rows: whole.rows, saturated: whole.saturated });
  const controller = new AbortController();
  const pending = encodeBatch({ ids, embeddings: rows }, codec, controller.signal);
  controller.abort();
  expect(await refusal(() => pending)).toMatch(/^ABORTED: /);
});
