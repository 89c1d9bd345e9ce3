import { seeded } from './random.ts';

/** Ids that the history uses, from 0 on. */
export const IDS = 400;
const BATCH = 40;

/** One call to a store. */
export type Step =
  | { readonly kind: 'upsert' | 'delete'; readonly ids: readonly number[] }
  | { readonly kind: 'compact' };

/** The call number `n` of a history that every process computes alike. */
export function stepOf(n: number): Step {
  if (n % 12 === 11) return { kind: 'compact' };
  const random = seeded(n * 7919 + 1);
  const ids = new Set<number>();
  while (ids.size < BATCH) ids.add(random(IDS));
  return { kind: n % 4 === 3 ? 'delete' : 'upsert', ids: [...ids] };
}

/** What stands in a store after the first `steps` calls: id → the call that wrote it. */
export class History {
  readonly rows = new Map<number, number>();
  #steps = 0;

  advance(steps: number): this {
    for (; this.#steps < steps; this.#steps++) {
      const step = stepOf(this.#steps);
      if (step.kind === 'compact') continue;
      for (const id of step.ids) {
        if (step.kind === 'delete') this.rows.delete(id);
        else this.rows.set(id, this.#steps);
      }
    }
    return this;
  }
}
