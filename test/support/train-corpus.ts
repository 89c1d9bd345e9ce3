import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pair, ScoredPair } from '@nestbit/core/train';
import { seeded } from './random.ts';

/** Topics with words of their own; questions use some of a topic's words, answers others. */
const TOPICS = 24;
const SYLLABLES = ['ba', 'ko', 'ri', 'tu', 'me', 'so', 'la', 'ni', 'ge', 'dap', 'wun', 'fel'];

function word(topic: number, i: number): string {
  const pick = (n: number): string => SYLLABLES[n % SYLLABLES.length];
  return `${pick(topic)}${pick(Math.floor(topic / 12) + 3)}${pick(i)}${pick(i * 5 + topic)}`;
}

/** Pairs whose two sides share a topic and seldom a word. */
export function topicPairs(count: number, seed = 1): Pair[] {
  const below = seeded(seed);
  const text = (topic: number, first: number): string =>
    Array.from({ length: 5 }, () => word(topic, first + below(6))).join(' ');
  return Array.from({ length: count }, (_, i) => {
    const topic = below(TOPICS);
    return { anchor: `what is ${text(topic, 0)} ${i}?`, positive: `It is ${text(topic, 6)} ${i % 7}.` };
  });
}

/** The same, half of the pairs across topics, with scores that say so. */
export function scoredPairs(count: number, seed = 1): ScoredPair[] {
  const pairs = topicPairs(2 * count, seed);
  return Array.from({ length: count }, (_, i) => {
    const own = i % 2 === 0;
    const { anchor, positive } = pairs[i];
    return own ? { anchor, positive, score: 1 } : { anchor, positive: pairs[count + i].positive, score: 0 };
  });
}

/** A hash of every file under a folder, by its path. */
export function fileHashes(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
  return Object.fromEntries(
    files
      .map(({ parentPath, name }) => join(parentPath, name))
      .sort()
      .map((path) => [
        path.slice(folder.length),
        createHash('sha256').update(readFileSync(path)).digest('hex'),
      ]),
  );
}
