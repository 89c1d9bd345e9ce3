import { invalid } from './model/invalid.ts';

/** The end of a text that is cut, or of a batch's row that is filled up. */
export type Side = 'left' | 'right';

/**
 * The side that a tokenizer names, as transformers decides it: tokenizer_config.json (`right`), else
 * tokenizer.json (`Right`), else right.
 */
export function sideOf(name: string, inConfig: unknown, inTokenizer: unknown): Side {
  const value = inConfig ?? inTokenizer ?? 'right';
  const side = typeof value === 'string' ? value.toLowerCase() : value;
  if (side === 'left' || side === 'right') return side;
  throw invalid(`its tokenizer says ${name} ${JSON.stringify(value)}; left and right are known`);
}
