import { expect, test } from 'vitest';
import { refusal, temporaryFolder } from '../support/files.ts';
import { changedModel, encode, expectClose, mean } from '../support/tiny-model.ts';
import { type TinyOnnx, tinyOnnx } from '../support/tiny-onnx.ts';

const folder = temporaryFolder();
const model = (onnx: TinyOnnx, config: object = {}): string =>
  changedModel(folder, {
    'onnx/model.onnx': tinyOnnx(onnx),
    'config.json': config,
    'config_sentence_transformers.json': {},
  });
const TEXTS = ['cat', 'small red dog'];
const means = [mean('[CLS]', 'cat', '[SEP]'), mean('[CLS]', 'small', 'red', 'dog', '[SEP]')];

async function expectMeans(made: string, prompt?: string, shift = 0): Promise<void> {
  const rows = await encode(TEXTS, { folder: made, pooling: 'mean', ...(prompt && { prompt }) });
  for (const [i, row] of rows.entries())
    expectClose(
      row,
      means[i].map((value) => value + shift),
    );
}

test('inputs of int32 are given as the graph declares them', async () => {
  await expectMeans(model({ ids: 'int32' }));
});

test('a cache of past keys and values is empty, its shape from the graph or from config.json', async () => {
  await expectMeans(model({ also: ['past'] }));
  const heads = { num_attention_heads: 8, num_key_value_heads: 2, hidden_size: 32 };
  await expectMeans(model({ also: ['past_unsized'] }, heads));
  await expectMeans(model({ also: ['past_unsized'] }, { num_attention_heads: 2, head_dim: 4 }));
  const unknown = model({ also: ['past_unsized'] });
  expect(await refusal(() => encode(TEXTS, { folder: unknown }))).toMatch(
    /^MODEL_INVALID: .*how many heads of which width past_key_values\.0\.key has/,
  );
});

test('a task id is that of the prompt’s name, whichever shape the graph wants', async () => {
  const tasks = {
    lora_adaptations: ['retrieval.query', 'retrieval.passage', 'separation'],
    task_instructions: { 'retrieval.query': 'query : ', 'retrieval.passage': '' },
  };
  const jina = model({ also: ['task_id'] }, tasks);
  await expectMeans(jina, 'retrieval.passage', 1);
  await expectMeans(jina, 'document', 1);
  await expectMeans(jina, 'separation', 2);
  await expectMeans(model({ also: ['task_id_list'] }, tasks), 'retrieval.passage', 1);
  await expectMeans(model({ also: ['task_id'], ids: 'int32' }, tasks), 'passage', 1);
  const [query] = await encode(['cat'], { folder: jina, pooling: 'mean', prompt: 'query' });
  const words = mean('[CLS]', 'query', ':', 'cat', '[SEP]');
  expectClose(query, words);
  const big = mean('[CLS]', 'big', 'cat', '[SEP]').map((value) => value + 1);
  const [own] = await encode(['cat'], {
    folder: jina,
    pooling: 'mean',
    prompt: 'document',
    promptText: 'big ',
  });
  expectClose(own, big);
  // A prompt of the folder goes with the task that means the same.
  const both = changedModel(folder, {
    'onnx/model.onnx': tinyOnnx({ also: ['task_id'] }),
    'config.json': tasks,
    'config_sentence_transformers.json': { prompts: { document: 'big ' } },
  });
  expectClose((await encode(['cat'], { folder: both, pooling: 'mean', prompt: 'document' }))[0], big);
  expect(await refusal(() => encode(['cat'], { folder: jina }))).toMatch(
    /^USAGE: .*give the prompt retrieval\.query, retrieval\.passage, separation/,
  );
  expect(await refusal(() => encode(['cat'], { folder: model({ also: ['task_id'] }) }))).toMatch(
    /^MODEL_INVALID: .*task_id.*no lora_adaptations/,
  );
});

test('outputs of other names are hidden states, unless they are scores or have a value for every word', async () => {
  await expectMeans(model({ hidden: 'token_embeddings', pooled: 'none' }));
  await expectMeans(model({ hidden: 'text_embeds', pooled: 'none' }));
  for (const hidden of ['logits', 'start_logits', 'scores', 'present.0.key'])
    expect(await refusal(() => encode(TEXTS, { folder: model({ hidden, pooled: 'none' }) }))).toMatch(
      /^MODEL_INVALID: .*none is the hidden state of the tokens; export the model for the task feature-extraction/,
    );
  const words = model({ hidden: 'output', pooled: 'none' }, { vocab_size: 8, hidden_size: 4 });
  expect(await refusal(() => encode(TEXTS, { folder: words }))).toMatch(
    /^MODEL_INVALID: .*8 values a token, one for each word/,
  );
});
