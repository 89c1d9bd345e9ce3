import { calibrate, evaluate, readBeir } from '@nestbit/core';
import { Encoder } from '@nestbit/core/onnx';
import { expect, test } from 'vitest';
import { collect } from '../support/files.ts';
import { needsSharedData } from '../support/shared-data.ts';

/** The published table (centred, rotated): candidates 40, 100, 200 by Hamming and by the float query. */
const table = {
  scifact: { hamming: [0.766, 0.897, 0.957], refine: [0.938, 0.989, 0.998] },
  npl: { hamming: [0.878, 0.945, 0.978], refine: [0.949, 0.999, 1] },
};

for (const [name, floors] of Object.entries(table)) {
  test(`${name}: recall of every stage is at least that of the table`, {
    timeout: 180_000,
  }, async (context) => {
    const encoder = await Encoder.open(needsSharedData(context, 'models/static-mrl-en-384-b'));
    const { docs, queries } = await texts(name, (path) => needsSharedData(context, path));
    const embedded = [await encoder.encode(docs), await encoder.encode(queries)];
    await encoder.close();
    const codec = (await calibrate([embedded[0]], { inputDimensions: 384 })).codec();
    const run = async (prefilter: number[], oversample: number[], queries = embedded[1]) =>
      (await evaluate({ codec, docs: [embedded[0]], queries, prefilter, oversample })).results;
    const pipeline = await run([40, 100, 200, 400, 1000], [10, 20]);
    for (const [place, candidates] of [40, 100, 200].entries()) {
      const found = pipeline.find(
        (result) => result.stage === 'hamming' && result.candidates === candidates,
      )?.recall;
      expect(found, `hamming ${candidates}`).toBeGreaterThanOrEqual(floors.hamming[place] - 0.01);
    }
    // The float query against all bits: everything passes the prefilter. 300 queries at most, for its time.
    const all = await run([docs.length], [4, 10, 20], embedded[1].subarray(0, 300 * 384));
    for (const [place, candidates] of [40, 100, 200].entries()) {
      const found = all.find(
        (result) => result.stage === 'refine' && result.candidates === candidates,
      )?.recall;
      expect(found, `refine ${candidates}`).toBeGreaterThanOrEqual(floors.refine[place] - 0.01);
    }
    const final = (prefilter: number, candidates: number): number =>
      pipeline.find(
        (result) =>
          result.stage === 'rescore' && result.prefilter === prefilter && result.candidates === candidates,
      )?.recall ?? 0;
    expect(final(1000, 200)).toBeGreaterThanOrEqual(0.985);
    expect(final(400, 100)).toBeGreaterThanOrEqual(0.97);
  });
}

async function texts(
  name: string,
  path: (path: string) => string,
): Promise<{ docs: string[]; queries: string[] }> {
  const set = await readBeir(path(`datasets/${name}`));
  const docs = (await collect(set.corpus())).map(({ text }) => text);
  return { docs, queries: set.queries.map(({ text }) => text) };
}
