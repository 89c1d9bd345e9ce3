import type { Codec } from '../codec/codec.ts';
import type { Id } from '../codec/types.ts';
import type { Store } from '../store/store.ts';
import { batchCases } from './batch-cases.ts';
import { changeCases } from './change-cases.ts';
import { codeCases } from './code-cases.ts';
import { contractCodec } from './data.ts';
import { filterCases } from './filter-cases.ts';
import { idCases } from './id-cases.ts';
import { lifeCases } from './life-cases.ts';
import { searchCases } from './search-cases.ts';

/** One behaviour of the store contract, for any test runner: `test(c.name, c.run)`. */
export interface ContractCase {
  readonly name: string;
  run(): Promise<void>;
}

export interface ContractOptions {
  /** Makes an empty store for the codec. The suite closes it. */
  create(codec: Codec): Promise<Store>;
  /** Opens the same store once more after it was closed; for durable stores, and only for them. */
  reopen?(store: Store): Promise<Store>;
  /** Kinds of ids that the store can hold at once. Default both. */
  readonly ids?: readonly ('bigint' | 'string')[];
  /**
   * Least share of the oracle's hits that an approximate store must find, over the queries of a case. Default
   * 1: the same hits with the same scores, in the same order.
   */
  readonly recallFloor?: number;
}

/** What the cases share. */
export interface ContractSetup {
  readonly options: ContractOptions;
  readonly codec: Codec;
  readonly recallFloor: number;
  /** An id of a kind that the store can hold. */
  id(row: number): Id;
  /** Runs with a new store and closes it. */
  withStore(run: (store: Store) => Promise<void>): Promise<void>;
}

/** Every behaviour that a store must have, as cases for any test runner. */
export function storeContract(options: ContractOptions): ContractCase[] {
  const codec = contractCodec();
  const strings = options.ids?.includes('string') ?? true;
  const setup: ContractSetup = {
    options,
    codec,
    recallFloor: options.recallFloor ?? 1,
    id: (row) => (strings ? `row-${row}` : BigInt(row)),
    withStore: async (run) => {
      const store = await options.create(codec);
      try {
        await run(store);
      } finally {
        await store.close();
      }
    },
  };
  return [batchCases, changeCases, idCases, codeCases, searchCases, filterCases, lifeCases].flatMap((cases) =>
    cases(setup),
  );
}
