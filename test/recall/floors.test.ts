import { type Codec, calibrate, evaluate, readBeir, readTextRecords, type StageRecall } from '@nestbit/core';
import { Encoder } from '@nestbit/core/onnx';
import { expect, type TestContext, test } from 'vitest';
import { collect } from '../support/files.ts';
import { needsSharedData } from '../support/shared-data.ts';

const WIDTH = 384;

interface Texts {
  readonly docs: string[];
  readonly queries: string[];
}

/** The published table (centred, rotated): the share of the float top 10 among 40, 100, 200 candidates. */
const table = {
  scifact: { hamming: [0.766, 0.897, 0.957], refine: [0.938, 0.989, 0.998], texts: beir('scifact') },
  npl: { hamming: [0.878, 0.945, 0.978], refine: [0.949, 0.999, 1], texts: beir('npl') },
  medquad: { hamming: [0.95, 0.987, 0.996], refine: [0.983, 0.998, 0.999], texts: medquad },
};

for (const [name, floors] of Object.entries(table)) {
  test(`${name}: recall of every stage is at least that of the table`, {
    timeout: 900_000,
  }, async (context) => {
    const encoder = await Encoder.open(needsSharedData(context, 'models/static-mrl-en-384-b'));
    const texts = await floors.texts(context);
    const docs = await encoder.encode(texts.docs);
    const queries = await encoder.encode(texts.queries);
    await encoder.close();
    const codec = (await calibrate([docs], { inputDimensions: WIDTH })).codec();

    const pipeline = await run(codec, docs, queries, [40, 100, 200, 400, 1000], [10, 20]);
    for (const [place, candidates] of [40, 100, 200].entries()) {
      const found = share(pipeline, { stage: 'hamming', candidates });
      expect(found, `hamming ${candidates}`).toBeGreaterThanOrEqual(floors.hamming[place] - 0.01);
    }
    expect(share(pipeline, { stage: 'rescore', prefilter: 1000, candidates: 200 })).toBeGreaterThanOrEqual(
      0.985,
    );
    expect(share(pipeline, { stage: 'rescore', prefilter: 400, candidates: 100 })).toBeGreaterThanOrEqual(
      0.97,
    );

    // The float query against all bits: everything passes the prefilter. 300 queries at most, for its time.
    const all = await run(codec, docs, queries.subarray(0, 300 * WIDTH), [texts.docs.length], [4, 10, 20]);
    for (const [place, candidates] of [40, 100, 200].entries()) {
      const found = share(all, { stage: 'refine', candidates });
      expect(found, `refine ${candidates}`).toBeGreaterThanOrEqual(floors.refine[place] - 0.01);
    }
  });
}

async function run(
  codec: Codec,
  docs: Float32Array,
  queries: Float32Array,
  prefilter: number[],
  oversample: number[],
): Promise<readonly StageRecall[]> {
  return (await evaluate({ codec, docs: [docs], queries, prefilter, oversample })).results;
}

function share(
  results: readonly StageRecall[],
  wanted: Partial<Record<string, unknown>>,
): number | undefined {
  const fits = (result: object): boolean =>
    Object.entries(wanted).every(([key, value]) => result[key as keyof typeof result] === value);
  return results.find(fits)?.recall;
}

function beir(name: string): (context: TestContext) => Promise<Texts> {
  return async (context) => {
    const set = await readBeir(needsSharedData(context, `datasets/${name}`));
    const docs = (await collect(set.corpus())).map(({ text }) => text);
    return { docs, queries: set.queries.map(({ text }) => text) };
  };
}

/** 1000 passages of the corpus, held out of it, are the queries. */
async function medquad(context: TestContext): Promise<Texts> {
  const path = needsSharedData(context, 'texts/medquad_passages.jsonl.gz');
  const passages = (await collect(readTextRecords(path))).map(({ text }) => text);
  const held = (row: number): boolean => row % 161 === 80;
  return { docs: passages.filter((_, row) => !held(row)), queries: passages.filter((_, row) => held(row)) };
}
