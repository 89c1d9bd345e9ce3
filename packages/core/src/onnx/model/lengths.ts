/** Models whose positions count from the padding token's id + 1 (transformers, create_position_ids_from_input_ids). */
const OFFSET_POSITIONS: readonly unknown[] = [
  'camembert',
  'data2vec-text',
  'longformer',
  'mpnet',
  'roberta',
  'roberta-prelayernorm',
  'xlm-roberta',
  'xlm-roberta-xl',
  'xmod',
];

/**
 * The longest input in tokens, as sentence-transformers decides it: max_seq_length, else the smaller of the tokenizer's
 * model_max_length and the positions that the model has, else 512.
 */
export function longestInput(
  sentence: Readonly<Record<string, unknown>>,
  tokenizer: Readonly<Record<string, unknown>>,
  config: Readonly<Record<string, unknown>>,
): number {
  const own = lengthOf(sentence['max_seq_length']);
  if (own !== undefined) return own;
  const limits = [lengthOf(tokenizer['model_max_length']), positionsOf(config)];
  const known = limits.filter((limit) => limit !== undefined);
  return known.length === 0 ? 512 : Math.min(...known);
}

function positionsOf(config: Readonly<Record<string, unknown>>): number | undefined {
  const positions = lengthOf(config['max_position_embeddings']);
  if (positions === undefined || !OFFSET_POSITIONS.includes(config['model_type'])) return positions;
  const pad = config['pad_token_id'];
  return lengthOf(positions - (typeof pad === 'number' ? pad : 1) - 1);
}

// Tokenizers without a limit say 1e30.
function lengthOf(value: unknown): number | undefined {
  return Number.isInteger(value) && typeof value === 'number' && value >= 2 && value <= 1e6
    ? value
    : undefined;
}
