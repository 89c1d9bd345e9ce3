import { invalid } from './invalid.ts';

/**
 * How token vectors become one: the first token's (`cls`), the largest value of each dimension (`max`), the mean, the
 * sum divided by the square root of the count (`mean_sqrt_len_tokens`), a mean whose weights are the positions from 1
 * (`weightedmean`, arXiv:2202.08904), or the last token's (`lasttoken`). `output`: the model pools by itself, in its
 * output `sentence_embedding` or `pooler_output`.
 */
export type Pooling = TokenPooling | 'output';

export type TokenPooling = 'cls' | 'max' | 'mean' | 'mean_sqrt_len_tokens' | 'weightedmean' | 'lasttoken';

/** In the order in which sentence-transformers concatenates them. */
export const TOKEN_POOLINGS: readonly TokenPooling[] = [
  'cls',
  'max',
  'mean',
  'mean_sqrt_len_tokens',
  'weightedmean',
  'lasttoken',
];

const FLAGS: Readonly<Record<string, TokenPooling>> = {
  pooling_mode_cls_token: 'cls',
  pooling_mode_max_tokens: 'max',
  pooling_mode_mean_tokens: 'mean',
  pooling_mode_mean_sqrt_len_tokens: 'mean_sqrt_len_tokens',
  pooling_mode_weightedmean_tokens: 'weightedmean',
  pooling_mode_lasttoken: 'lasttoken',
};

/**
 * The pooling modes in a Pooling module's config.json; undefined when it names none.
 *
 * @throws NestbitError `MODEL_INVALID` for a mode that sentence-transformers does not have
 */
export function poolingModes(
  config: Readonly<Record<string, unknown>>,
  path: string,
): readonly TokenPooling[] | undefined {
  // sentence-transformers 5.4 and later name the modes; before, each mode was a flag.
  const named = config['pooling_mode'] ?? undefined;
  if (named !== undefined) {
    const names = Array.isArray(named) ? named : String(named).split('+');
    return ordered(names.map((name) => modeOf(name, path)));
  }
  const flags = Object.keys(config).filter((key) => key.startsWith('pooling_mode_') && config[key] === true);
  const unknown = flags.find((flag) => FLAGS[flag] === undefined);
  if (unknown !== undefined) throw unknownMode(unknown, path);
  return flags.length === 0 ? undefined : ordered(flags.map((flag) => FLAGS[flag]));
}

/** Modes without repeats, in the order of concatenation. */
export function ordered(modes: readonly TokenPooling[]): readonly TokenPooling[] {
  return TOKEN_POOLINGS.filter((mode) => modes.includes(mode));
}

function modeOf(name: unknown, path: string): TokenPooling {
  const mode = TOKEN_POOLINGS.find((one) => one === String(name).toLowerCase());
  if (mode === undefined) throw unknownMode(String(name), path);
  return mode;
}

function unknownMode(name: string, path: string): Error {
  return invalid(`${path} pools by ${name}; known are ${TOKEN_POOLINGS.join(', ')}. Set the option pooling`);
}
