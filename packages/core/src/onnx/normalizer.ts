/** The normalizer of a tokenizer.json. */
export type Normalizer = Readonly<Record<string, unknown>> | null | undefined;

/**
 * The normalizer with what tokenizer_config.json says of cases and accents: transformers' fast BERT tokenizers set it
 * over that of tokenizer.json.
 */
export function casedNormalizer(
  normalizer: Normalizer,
  config: Readonly<Record<string, unknown>>,
): Normalizer {
  if (normalizer?.['type'] !== 'BertNormalizer') return normalizer;
  const { do_lower_case: lowercase, strip_accents: accents, tokenize_chinese_chars: chinese } = config;
  return {
    ...normalizer,
    ...(typeof lowercase === 'boolean' && { lowercase }),
    ...(typeof accents === 'boolean' && { strip_accents: accents }),
    ...(typeof chinese === 'boolean' && { handle_chinese_chars: chinese }),
  };
}
