const segmenter = new Intl.Segmenter(undefined, { granularity: 'sentence' });

/** The sentences of a text (Unicode UAX 29), without the space around them. */
export function sentencesOf(text: string): string[] {
  const sentences: string[] = [];
  for (const { segment } of segmenter.segment(text)) {
    const sentence = segment.trim();
    if (sentence !== '') sentences.push(sentence);
  }
  return sentences;
}
