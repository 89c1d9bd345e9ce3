import { deepEqual } from 'node:assert/strict';
import type { ContractCase, ContractSetup } from './contract.ts';
import { contractCodec, KEPT, sample } from './data.ts';
import { refused } from './expect.ts';
import { sameAsOracle } from './search-cases.ts';

export function codeCases({ codec, id, recallFloor, withStore }: ContractSetup): ContractCase[] {
  return [
    {
      name: 'codes of the same codec are stored as they are, those of another are refused',
      run: () =>
        withStore(async (store) => {
          const rows = sample(12, id);
          const codes = codec.encode(rows.embeddings);
          await store.upsert({ ids: rows.ids, codes, payloads: rows.payloads });
          const stored = await store.get(rows.ids);
          deepEqual(stored[11]?.bits, codes.bits.slice((11 * KEPT) / 8));
          const foreign = contractCodec('another model').encode(rows.embeddings);
          await refused(store.upsert({ ids: rows.ids, codes: foreign }), 'CODEC_MISMATCH');
          await refused(store.upsert({ ids: rows.ids.slice(1), codes }), 'BATCH_SHAPE');
        }),
    },
    {
      name: 'rows that are read from one store make the same store again',
      run: () =>
        withStore((first) =>
          withStore(async (second) => {
            const rows = sample(200, id);
            await first.upsert(rows);
            const read = (await first.get(rows.ids)).filter((row) => row !== undefined);
            const { fingerprint, layout } = first.codec;
            const memory = first.codec.allocate(200);
            for (const [at, row] of read.entries()) {
              memory.bits.set(row.bits, at * layout.bits);
              memory.scalars.set(row.scalars, at * layout.scalars);
              memory.copies.set(row.copy, at * layout.copy);
            }
            const codes = { fingerprint, rows: 200, ...memory, saturated: 0 };
            const payloads = read.map((row) => row.payload);
            await second.upsert({ ids: read.map((row) => row.id), codes, payloads });
            await sameAsOracle(second, rows, { payloads: true, k: 20 }, recallFloor);
          }),
        ),
    },
  ];
}
