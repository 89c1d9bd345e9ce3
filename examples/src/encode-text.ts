// Text to hits, with the model that ships or a model folder of your own: node examples/dist/encode-text.js [folder]
import { calibrate, MemoryStore } from '@nestbit/core';
import { Encoder } from '@nestbit/core/onnx';
import { modelFolder } from '@nestbit/model-en';

const folder = process.argv[2] ?? modelFolder;

const texts = [
  'Rinse the burn under cool running water for twenty minutes.',
  'The train to the coast leaves at half past nine.',
  'A fever above 39 degrees that lasts three days needs a doctor.',
  'Tomatoes want a sunny place and even watering.',
];
const encoder = await Encoder.open(folder);
const embeddings = await encoder.encode(texts, { prompt: 'document' });
// Four rows calibrate nothing in earnest; give your own corpus here.
const codec = (await calibrate([embeddings], { inputDimensions: encoder.dimensions })).codec({
  model: encoder.identity,
});
const store = new MemoryStore({ codec });
await store.upsert({ ids: texts.map((_, row) => BigInt(row)), embeddings });

const question = await encoder.encode(['How should a burn be treated with water?'], { prompt: 'query' });
const [hits] = await store.search(question, { k: 2 });
for (const { id, score } of hits) console.log(score.toFixed(3), texts[Number(id)]);
await encoder.close();
