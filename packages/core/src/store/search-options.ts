import { NestbitError } from '../errors.ts';
import { type Condition, parseFilter } from './filter.ts';
import type { SearchOptions } from './store.ts';

const MAX_K = 10_000;
const MAX_CANDIDATES = 10_000_000;

/** Search options with their defaults, checked. */
export interface SearchPlan {
  readonly k: number;
  /** Hamming candidates. */
  readonly prefilter: number;
  /** Candidates that are rescored: k × oversample, at most `prefilter`. */
  readonly rescored: number;
  readonly conditions: readonly Condition[];
  readonly payloads: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Fills in defaults, then checks types, then ranges. */
export function searchPlan(options: SearchOptions = {}): SearchPlan {
  const k = options.k ?? 10;
  const oversample = options.oversample ?? 20;
  const prefilter = options.prefilter ?? Math.ceil(5 * k * oversample);
  for (const [name, value] of Object.entries({ k, oversample, prefilter })) {
    if (typeof value !== 'number') throw new TypeError(`${name} must be a number, got ${typeof value}`);
  }
  limit('k', k, 1, MAX_K, true);
  limit('oversample', oversample, 1, MAX_CANDIDATES / k, false);
  limit('prefilter', prefilter, k, MAX_CANDIDATES, true);
  return {
    k,
    prefilter,
    rescored: Math.min(Math.ceil(k * oversample), prefilter),
    conditions: parseFilter(options.filter ?? {}),
    payloads: options.payloads ?? false,
    signal: options.signal,
  };
}

function limit(name: string, value: number, low: number, high: number, whole: boolean): void {
  if (value >= low && value <= high && (!whole || Number.isInteger(value))) return;
  const kind = whole ? 'a whole number' : 'a number';
  throw new NestbitError('SEARCH_LIMIT', `${name} is ${value}; it must be ${kind} from ${low} to ${high}.`);
}
