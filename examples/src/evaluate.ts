// What a codec costs on your data: recall of every stage against exact float search.
import { calibrate, evaluate } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';

const all = clusteredVectors(5200, 768);
const docs = all.subarray(0, 5000 * 768);
const queries = all.subarray(5000 * 768); // held out: a stored query would find itself

for (const dimensions of [768, 384]) {
  const codec = (await calibrate([docs], { inputDimensions: 768, dimensions })).codec();
  const { results } = await evaluate({ codec, docs: [docs], queries, k: 10, prefilter: [200, 1000] });
  console.log(`${dimensions} dimensions, ${codec.bytesPerRow.bits} bytes of bits`);
  for (const result of results)
    console.log(`  ${result.stage.padEnd(8)} ${result.candidates} ${result.recall.toFixed(3)}`);
}
