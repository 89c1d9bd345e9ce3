import type { Codec } from './codec.ts';

/** What stores of a codec miss that newer codecs have; undefined when that is nothing. Stores say how to get there. */
export function codecAdvice({ bitFactors }: Codec): string | undefined {
  if (bitFactors !== undefined) return undefined;
  return (
    'A codec of version 3 finds more with the same reads, most of all where embeddings share a direction. ' +
    'Codes of one codec cannot become those of another: they are made from the embeddings.'
  );
}
