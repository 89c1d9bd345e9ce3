import { NestbitError, wrongType } from '../errors.ts';
import { type Condition, parseFilter } from './filter.ts';
import type { SearchOptions } from './store.ts';

const MAX_K = 10_000;
/** Most candidates that are rescored: k × oversample. */
const MAX_RESCORED = 1_000_000;
const MAX_PREFILTER = 10_000_000;
/** Hamming candidates for each copy that is read, unless told: docs/search.md has the figures. */
const PREFILTER_EACH = 8;

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

/**
 * Fills in defaults, then checks types, then ranges, in the order of the options.
 *
 * @throws TypeError naming the option; NestbitError `SEARCH_LIMIT`, `FILTER_OPERATOR`, `FILTER_VALUE`
 */
export function searchPlan(options: SearchOptions = {}): SearchPlan {
  if (typeof options !== 'object' || options === null) throw wrongType('options must be an object');
  const { k = 10, oversample = 20, filter = {}, payloads = false, signal } = options;
  for (const [name, value] of Object.entries({ k, oversample, prefilter: options.prefilter ?? 0 })) {
    if (typeof value !== 'number') throw wrongType(`${name} must be a number, got ${typeof value}`);
  }
  const conditions = parseFilter(filter);
  if (typeof payloads !== 'boolean')
    throw wrongType(`payloads must be true or false, got ${typeof payloads}`);
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw wrongType('signal must be an AbortSignal');
  limit('k', k, 1, MAX_K, true);
  limit('oversample', oversample, 1, MAX_RESCORED / k, false);
  const prefilter = options.prefilter ?? Math.min(whole(PREFILTER_EACH * k * oversample), MAX_PREFILTER);
  limit('prefilter', prefilter, k, MAX_PREFILTER, true);
  return { k, prefilter, rescored: Math.min(whole(k * oversample), prefilter), conditions, payloads, signal };
}

// Rounds up, but not for the last bits of a product: 10 × 1.1 is 11.
function whole(product: number): number {
  return Math.ceil(Number(product.toPrecision(12)));
}

function limit(name: string, value: number, low: number, high: number, whole: boolean): void {
  if (value >= low && value <= high && (!whole || Number.isInteger(value))) return;
  const kind = whole ? 'a whole number' : 'a number';
  throw new NestbitError('SEARCH_LIMIT', `${name} is ${value}; it must be ${kind} from ${low} to ${high}.`);
}
