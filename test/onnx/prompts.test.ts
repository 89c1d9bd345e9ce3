import { expect, test } from 'vitest';
import { refusal, temporaryFolder } from '../support/files.ts';
import { changedModel, encode, expectClose, mean, warningsOf } from '../support/tiny-model.ts';

const folder = temporaryFolder();
const model = (prompts: object, more: object = {}): string =>
  changedModel(folder, { 'config_sentence_transformers.json': { prompts, ...more } });
const plain = mean('[CLS]', 'cat', '[SEP]');
const prompted = (...words: string[]): number[] => mean('[CLS]', ...words, 'cat', '[SEP]');

async function run(made: string, options: object): Promise<number[]> {
  return (await encode(['cat'], { folder: made, pooling: 'mean', ...options }))[0];
}

test('prompts are found by names that mean the same', async () => {
  const nomic = model({ search_query: 'query : ', search_document: 'passage : ' });
  for (const prompt of ['query', 'search_query', 'retrieval.query', 'query:', 'Query: '])
    expectClose(await run(nomic, { prompt }), prompted('query', ':'));
  for (const prompt of ['document', 'passage', 'search_document', 'retrieval.passage', 'passage:'])
    expectClose(await run(nomic, { prompt }), prompted('passage', ':'));
  const e5 = model({ query: 'query : ', passage: 'passage : ', search_query: 'big ' });
  expectClose(await run(e5, { prompt: 'search_query' }), prompted('big'));
  expectClose(await run(e5, { prompt: 'retrieval.query' }), prompted('query', ':'));
  expectClose(await run(e5, { prompt: 'document' }), prompted('passage', ':'));
});

test('a prompt for searching that the model lacks is told once, with the prompts that it has', async () => {
  const made = model({ classification: 'red ', clustering: 'blue ' });
  const warnings = await warningsOf(async () => expectClose(await run(made, { prompt: 'query' }), plain));
  expect(warnings).toEqual([expect.stringMatching(/no prompt for query.*classification, clustering/)]);
  expect(await refusal(() => run(made, { prompt: 'other' }))).toMatch(
    /^USAGE: .*no prompt named other; it has: classification, clustering/,
  );
  // A model that has no prompts is meant to do without; a name that somebody chose is told all the same.
  const none = model({});
  expect(await warningsOf(() => run(none, { prompt: 'query' }))).toEqual([]);
  expect(await warningsOf(() => run(none, { prompt: 'search_query' }))).toEqual([
    expect.stringMatching(/no prompt for search_query.*none/),
  ]);
});

test('promptText is put before a text as it is, in place of any named prompt', async () => {
  const made = model({ query: 'query : ' }, { default_prompt_name: 'query' });
  expectClose(await run(made, {}), prompted('query', ':'));
  expectClose(await run(made, { promptText: 'small ' }), prompted('small'));
  expectClose(await run(made, { promptText: '' }), plain);
  await expect(run(made, { promptText: 'small ', prompt: 'query' })).rejects.toMatchObject({
    name: 'TypeError',
    code: 'USAGE',
    message: 'give prompt, the name of a prompt, or promptText, not both',
  });
  await expect(run(made, { promptText: 5 })).rejects.toMatchObject({
    name: 'TypeError',
    code: 'USAGE',
    message: 'promptText must be a string, got number',
  });
});

test('an option wins over a prompt of the folder that is not a text', async () => {
  const made = model({ query: 5 });
  expect(await refusal(() => run(made, { prompt: 'query' }))).toMatch(/^MODEL_INVALID: .*prompt, query/);
  expectClose(await run(made, { prompt: 'query', prompts: { query: 'big ' } }), prompted('big'));
});
