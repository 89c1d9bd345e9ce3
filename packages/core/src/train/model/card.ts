import type { Retention } from '../measure/retention.ts';
import type { TrainSettings } from '../settings.ts';

/** What a model card says beside the settings. */
export interface CardFigures {
  readonly vocabulary: number;
  readonly pairs: number;
  readonly steps: number;
  /** Pairs a step. */
  readonly batch: number;
  readonly loss: number;
  readonly lossName: string;
  readonly retention: Retention;
  readonly bytes: Readonly<Record<string, number>>;
}

/** README.md of a model folder: data, licence, losses, dimensions and the figures of this very run. */
export function modelCard(settings: TrainSettings, figures: CardFigures): string {
  const { name = 'A static Matryoshka embedding model', data, licence } = settings.card;
  const { retention } = figures;
  const files = Object.entries(figures.bytes).map(([file, bytes]) => `| \`${file}\` | ${bytes} |`);
  return `---
${licence === undefined ? '' : `license: ${licence}\n`}pipeline_tag: sentence-similarity
library_name: transformers.js
tags: [static-embeddings, matryoshka, nestbit]
---

# ${name}

Static embeddings: WordPiece tokens, a row of ${settings.dimensions[0]} values for each, their mean. No transformer, so it is fast and
knows no word order. ${howToCut(settings.dimensions)}

- Data: ${data ?? 'not said'}
- Licence: ${licence ?? 'not said'}
- Loss: ${figures.lossName}, scale ${settings.scale}, at ${settings.dimensions.join(', ')} dimensions with the weights ${settings.weights.join(', ')}
- Training: ${figures.pairs} pairs, ${settings.epochs} epochs, ${figures.steps} steps of ${figures.batch} pairs, Adam at ${settings.rate}, seed ${settings.seed}; last loss ${figures.loss.toFixed(4)}
- Vocabulary: ${figures.vocabulary} tokens, ${settings.tokenizer === undefined ? 'trained on the same texts' : 'of a given tokenizer'}; texts are cut at ${settings.maxLength} tokens

${measured(retention)}

| file | bytes |
| --- | --- |
${files.join('\n')}

Inputs \`input_ids\` and \`attention_mask\` (int64); outputs \`last_hidden_state\` (mean pooling gives the embedding) and
\`sentence_embedding\` (length 1).
`;
}

function howToCut([width, ...narrower]: readonly number[]): string {
  if (narrower.length === 0) return `Trained at ${width} dimensions only; it is not meant to be cut.`;
  return `Trained with a Matryoshka loss: cut an embedding to its first ${narrower.join(', ')} values and normalize it.`;
}

function measured({ metric, pairs, byDimensions }: Retention): string {
  if (pairs === 0) return 'Quality was not measured: there were too few pairs to hold some out.';
  const full = byDimensions[0].value;
  const rows = byDimensions.map(
    ({ dimensions, value }) =>
      `| ${dimensions} | ${value.toFixed(3)} | ${full <= 0 ? '' : `${((100 * value) / full).toFixed(1)} %`} |`,
  );
  return `${metric} on ${pairs} held-out pairs of the same data (their texts may occur in other pairs), plain float:

| dimensions | ${metric} | of the full width |
| --- | --- | --- |
${rows.join('\n')}`;
}
