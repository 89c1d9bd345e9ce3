// bench:adapter [--model folder] [--set scifact]: a model that truncates badly (trained at full width only, from the
// open texts of ../shared/data/texts, unless a model folder is given), and what a map fitted by principal components
// makes of its prefixes: nDCG@10 on a retrieval set by exact float cosine, relative to the full width. The map is
// fitted on the set's documents, which every user has, and on other texts; and trained on the documents' titles and
// bodies as pairs. Never on queries or judgements.
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  Calibration,
  type Codec,
  ExactSearch,
  NestbitError,
  ndcgAtK,
  readBeir,
  readJsonl,
  type TextRecord,
} from '@nestbit/core';
import { Encoder } from '@nestbit/core/onnx';
import { fitLinear, fitPca, readTrainRecords, type TrainRecord, train } from '@nestbit/core/train';

const { values } = parseArgs({
  options: { model: { type: 'string' }, set: { type: 'string', default: 'scifact' } },
});
const shared = (path: string): string =>
  fileURLToPath(new URL(`../../../shared/data/${path}`, import.meta.url));
const TEXTS = ['acl_2016_2018_open', 'medquad_passages'].map((name) => shared(`texts/${name}.jsonl.gz`));
const K = 10;

const folder = await mkdtemp(join(tmpdir(), 'nestbit-adapter-'));
try {
  await main(values.model ?? (await trained(join(folder, 'model'))));
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function main(model: string): Promise<void> {
  const set = await readBeir(shared(`datasets/${values.set}`));
  const encoder = await Encoder.open(model);
  const width = encoder.dimensions;
  const docs: TextRecord[] = [];
  for await (const doc of set.corpus()) docs.push(doc);
  const encode = async (texts: readonly string[], prompt: string): Promise<Float32Array> =>
    await encoder.encode(texts, { prompt });
  const rows = await encode(
    docs.map(({ text }) => text),
    'document',
  );
  const queries = await encode(
    set.queries.map(({ text }) => text),
    'query',
  );
  const pairs = await titlesAndBodies();
  const anchors =
    pairs.length === 0
      ? undefined
      : await encode(
          pairs.map(([title]) => title),
          'query',
        );
  const positives =
    pairs.length === 0
      ? undefined
      : await encode(
          pairs.map(([, body]) => body),
          'document',
        );
  const others = existsSync(TEXTS[0]) ? await encode(await someTexts(), 'document') : undefined;
  await encoder.close();

  const ndcg = (codec: Codec): number => {
    const search = new ExactSearch(codec.truncate(queries), codec.dimensions, K);
    search.add(0, codec.truncate(rows));
    const found = search.hits().map(({ rows: ranked }, query) =>
      ndcgAtK(
        Array.from(ranked, (row) => String(docs[row].id)),
        set.qrels.get(String(set.queries[query].id)) ?? new Map(),
        K,
      ),
    );
    return found.reduce((sum, value) => sum + value, 0) / found.length;
  };
  const codecOf = (dimensions: number, map?: Float32Array): Codec => {
    const calibration = new Calibration({ inputDimensions: width, dimensions, ...(map && { map }) });
    calibration.add(rows);
    return calibration.codec();
  };
  const widths = [width, ...[2, 3, 4, 6, 12].map((part) => Math.floor(width / part / 8) * 8)];
  const full = ndcg(codecOf(width));
  console.log(
    `${cpus()[0]?.model}, Node ${process.versions.node}: ${values.set}, ${docs.length} documents, ` +
      `${set.queries.length} queries, nDCG@${K} at ${width} dimensions ${full.toFixed(4)}`,
  );
  const line = (label: string, cells: readonly string[]): void =>
    console.log(`${label.padEnd(34)}${cells.map((cell) => cell.padStart(9)).join('')}`);
  line('share of it kept at dimensions', widths.map(String));
  const shares = (label: string, map?: Float32Array): number[] => {
    const kept = widths.map((n) => ndcg(codecOf(n, map)) / full);
    line(
      label,
      kept.map((share) => `${(share * 100).toFixed(1)} %`),
    );
    return kept;
  };
  const plain = shares('plain truncation');
  const own = await fitPca([rows], { inputDimensions: width });
  const mapped = shares('map fitted on the documents', own.map);
  if (others !== undefined) {
    shares('map fitted on other texts', (await fitPca([others], { inputDimensions: width })).map);
  } else console.log('../shared/data/texts is not here: the map of other texts is left out');
  if (anchors !== undefined && positives !== undefined) {
    const options = { inputDimensions: width, dimensions: widths, start: own.map };
    const trainedMap = await fitLinear({ anchors, positives }, options);
    shares('map trained on titles and bodies', trainedMap.map);
  } else console.log('the documents have no titles: the trained map is left out');
  const quarter = widths.indexOf(Math.floor(width / 4 / 8) * 8);
  console.log(
    `at a quarter, ${widths[quarter]} dimensions: ${((mapped[quarter] - plain[quarter]) * 100).toFixed(1)} points more`,
  );
}

/** What the documents say twice, in few words and in many. */
async function titlesAndBodies(): Promise<[title: string, body: string][]> {
  const pairs: [string, string][] = [];
  for await (const { value } of readJsonl(join(shared(`datasets/${values.set}`), 'corpus.jsonl'))) {
    const { title, text } = value;
    if (typeof title === 'string' && title !== '' && typeof text === 'string' && text !== '')
      pairs.push([title, text]);
  }
  return pairs;
}

/** Every seventh text of the training texts, 25 000 at most. */
async function someTexts(): Promise<string[]> {
  const texts: string[] = [];
  let number = 0;
  for await (const record of records()) {
    if (number++ % 7 === 0 && 'text' in record) texts.push(record.text);
    if (texts.length === 25_000) break;
  }
  return texts;
}

async function* records(): AsyncGenerator<TrainRecord> {
  for (const path of TEXTS) yield* readTrainRecords(path);
}

async function trained(out: string): Promise<string> {
  if (!existsSync(TEXTS[0])) {
    throw new NestbitError('FILE_NOT_FOUND', `${TEXTS[0]} is not here: give a model folder, --model.`);
  }
  const started = performance.now();
  await train(records(), { out, dimensions: [384] });
  console.log(`trained at 384 dimensions only in ${Math.round((performance.now() - started) / 1000)} s`);
  return out;
}
