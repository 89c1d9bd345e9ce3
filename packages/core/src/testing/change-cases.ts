import { deepEqual, equal, ok } from 'node:assert/strict';
import type { Payload } from '../store/payload.ts';
import type { ContractCase, ContractSetup } from './contract.ts';
import { embeddings, sample, WIDTH } from './data.ts';

/** Rows enough that storing them takes several turns of the event loop. */
const ROWS = 3000;
/** Turns of the event loop before the caller's arrays change. */
const DELAYS = [0, 1, 3, 8];

/** What a call was given is taken when it is called: later changes of the caller's arrays don't reach the store. */
export function changeCases({ codec, id, options, withStore }: ContractSetup): ContractCase[] {
  const ids = (): ReturnType<typeof id>[] => Array.from({ length: ROWS }, (_, row) => id(row));
  const turns = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) await new Promise<void>((resolve) => setImmediate(resolve));
  };
  const rows = sample(ROWS, id);
  return [
    {
      name: 'ids and payloads that the caller changes while they are stored are stored as they were given',
      run: async () => {
        for (const delay of DELAYS) {
          const store = await options.create(codec);
          const given = { ids: ids(), payloads: [...rows.payloads] as (Payload | undefined)[] };
          const write = store.upsert({ ...given, embeddings: rows.embeddings });
          await turns(delay);
          if (delay % 2 === 0) given.ids.push(id(ROWS));
          else given.ids.length = 0;
          given.ids[1] = id(ROWS + 1);
          given.payloads.fill(undefined);
          await write;
          equal(await store.size(), ROWS);
          const found = await store.get([id(0), id(1), id(ROWS - 1), id(ROWS + 1)]);
          deepEqual(
            found.map((row) => row?.payload),
            [rows.payloads[0], rows.payloads[1], rows.payloads[ROWS - 1], undefined],
          );
          await store.close();
          if (options.reopen === undefined) continue;
          const again = await options.reopen(store);
          equal(await again.size(), ROWS);
          await again.close();
        }
      },
    },
    {
      name: 'codes that the caller changes while they are stored are stored as they were given',
      run: () =>
        withStore(async (store) => {
          const wanted = codec.encode(rows.embeddings);
          for (const delay of DELAYS) {
            const codes = codec.encode(rows.embeddings);
            const write = store.upsert({ ids: ids(), codes });
            await turns(delay);
            codes.bits.fill(7);
            codes.scalars.fill(7);
            codes.copies.fill(7);
            await write;
            const [row] = await store.get([id(ROWS - 1)]);
            deepEqual(row?.bits, wanted.bits.slice((wanted.bits.length / ROWS) * (ROWS - 1)));
            deepEqual(row?.copy, wanted.copies.slice((wanted.copies.length / ROWS) * (ROWS - 1)));
            const [hits] = await store.search(rows.embeddings.subarray(0, WIDTH), { k: 1 });
            equal(hits[0].id, id(0));
          }
        }),
    },
    {
      name: 'embeddings that change while they are stored leave a whole store',
      run: () =>
        withStore(async (store) => {
          for (const delay of DELAYS) {
            const changing = rows.embeddings.slice();
            const write = store.upsert({ ids: ids(), embeddings: changing });
            await turns(delay);
            if (delay % 2 === 0) changing.fill(Number.NaN);
            else structuredClone(changing.buffer, { transfer: [changing.buffer] });
            const code = await write.then(
              () => 'stored',
              (error: { code?: string; name: string }) => error.code ?? error.name,
            );
            ok(/^(stored|VECTOR_NOT_FINITE|BATCH_SHAPE)$/.test(code), `${code} after ${delay} turns`);
            await store.upsert({ ids: ids(), embeddings: rows.embeddings });
            equal(await store.size(), ROWS);
            const [hits] = await store.search(rows.embeddings.subarray(0, WIDTH), { k: 1 });
            equal(hits[0].id, id(0));
          }
        }),
    },
    {
      name: 'queries and ids to look up or to delete are taken when the call is made',
      run: () =>
        withStore(async (store) => {
          await store.upsert(rows);
          const queries = embeddings(40, 3);
          const wanted = await store.search(queries, { k: 3 });
          const changing = queries.slice();
          const search = store.search(changing, { k: 3 });
          const keys = [id(1), id(2)];
          const read = store.get(keys);
          changing.reverse();
          keys.length = 0;
          deepEqual(await search, wanted);
          equal((await read).length, 2);
          const gone = [id(1), id(2)];
          const removal = store.delete(gone);
          gone.length = 0;
          equal(await removal, 2);
        }),
    },
  ];
}
