import type { Retention } from '../measure/retention.ts';
import type { TrainSettings } from '../settings.ts';

/** What a model card says beside the settings. */
export interface CardFigures {
  readonly vocabulary: number;
  readonly pairs: number;
  readonly steps: number;
  readonly loss: number;
  readonly lossName: string;
  readonly retention: Retention;
  readonly bytes: Readonly<Record<string, number>>;
}

/** README.md of a model folder: data, licence, losses, dimensions and the figures of this very run. */
export function modelCard(settings: TrainSettings, figures: CardFigures): string {
  const { name = 'A static Matryoshka embedding model', data, licence } = settings.card;
  const { retention } = figures;
  const full = retention.byDimensions[0].value;
  const rows = retention.byDimensions.map(
    ({ dimensions, value }) =>
      `| ${dimensions} | ${value.toFixed(3)} | ${full === 0 ? '' : `${((100 * value) / full).toFixed(1)} %`} |`,
  );
  const files = Object.entries(figures.bytes).map(([file, bytes]) => `| \`${file}\` | ${bytes} |`);
  return `---
${licence === undefined ? '' : `license: ${licence}\n`}pipeline_tag: sentence-similarity
library_name: transformers.js
tags: [static-embeddings, matryoshka, nestbit]
---

# ${name}

Static embeddings: WordPiece tokens, a row of ${settings.dimensions[0]} values for each, their mean. No transformer, so it is fast and
knows no word order. Trained with a Matryoshka loss: cut an embedding to its first ${settings.dimensions.slice(1).join(', ') || settings.dimensions[0]} values and normalize it.

- Data: ${data ?? 'not said'}
- Licence: ${licence ?? 'not said'}
- Loss: ${figures.lossName}, scale ${settings.scale}, at ${settings.dimensions.join(', ')} dimensions with the weights ${settings.weights.join(', ')}
- Training: ${figures.pairs} pairs, ${settings.epochs} epochs, ${figures.steps} steps of ${Math.min(settings.batch, figures.pairs)} pairs at most, Adam at ${settings.rate}, seed ${settings.seed}; last loss ${figures.loss.toFixed(4)}
- Vocabulary: ${figures.vocabulary} tokens, ${settings.tokenizer === undefined ? 'trained on the same texts' : 'of a given tokenizer'}; texts are cut at ${settings.maxLength} tokens

${retention.metric} on ${retention.pairs} held-out pairs of the same data (their texts may occur in other pairs), plain float:

| dimensions | ${retention.metric} | of the full width |
| --- | --- | --- |
${rows.join('\n')}

| file | bytes |
| --- | --- |
${files.join('\n')}

Inputs \`input_ids\` and \`attention_mask\` (int64); outputs \`last_hidden_state\` (mean pooling gives the embedding) and
\`sentence_embedding\` (length 1).
`;
}
