import type { Pooling, TokenPooling } from '@nestbit/core/onnx';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../support/files.ts';
import { changedModel, encode, expectClose, vector } from '../support/tiny-model.ts';
import { tinyOnnx } from '../support/tiny-onnx.ts';

const folder = temporaryFolder();
const TEXTS = ['cat', 'small red dog', 'big blue'];

/** What a pooling makes of a text's words, by its definition. */
const DEFINITIONS: Record<TokenPooling, (rows: number[][]) => number[]> = {
  cls: (rows) => rows[0],
  max: (rows) => rows[0].map((_, i) => Math.max(...rows.map((row) => row[i]))),
  mean: (rows) => weighted(rows, () => 1, rows.length),
  mean_sqrt_len_tokens: (rows) => weighted(rows, () => 1, Math.sqrt(rows.length)),
  weightedmean: (rows) => weighted(rows, (at) => at + 1, (rows.length * (rows.length + 1)) / 2),
  lasttoken: (rows) => rows[rows.length - 1],
};
const MODES = Object.keys(DEFINITIONS) as TokenPooling[];

function weighted(rows: number[][], weight: (at: number) => number, by: number): number[] {
  return rows[0].map((_, i) => rows.reduce((sum, row, at) => sum + weight(at) * row[i], 0) / by);
}

const rowsOf = (text: string): number[][] => ['[CLS]', ...text.split(' '), '[SEP]'].map(vector);
const expected = (modes: readonly TokenPooling[], text: string): number[] =>
  modes.flatMap((mode) => DEFINITIONS[mode](rowsOf(text)));
const model = (config: object, more: Record<string, object | Uint8Array> = {}): string =>
  changedModel(folder, { '1_Pooling/config.json': config, ...more });

async function expectPooled(modes: readonly TokenPooling[], options: object): Promise<void> {
  const rows = await encode(TEXTS, options);
  for (const [i, text] of TEXTS.entries()) expectClose(rows[i], expected(modes, text));
}

for (const mode of MODES) {
  test(`${mode} is its definition, by the option and by the folder, with padding on either side`, async () => {
    await expectPooled([mode], { pooling: mode });
    const flag = { max: 'max_tokens', cls: 'cls_token', mean: 'mean_tokens' }[mode as string];
    const name = `pooling_mode_${flag ?? { weightedmean: 'weightedmean_tokens' }[mode as string] ?? mode}`;
    await expectPooled([mode], { folder: model({ pooling_mode_mean_tokens: false, [name]: true }) });
    const left = { 'tokenizer_config.json': { pad_token: '[PAD]', padding_side: 'left' } };
    await expectPooled([mode], { folder: model({ pooling_mode: mode }, left) });
  });
}

test('several modes are put one after the other, always in the order of sentence-transformers', async () => {
  await expectPooled(['cls', 'max', 'mean'], { pooling: ['mean', 'cls', 'max'] });
  const flags = { pooling_mode_lasttoken: true, pooling_mode_mean_tokens: true };
  await expectPooled(['mean', 'lasttoken'], { folder: model(flags) });
  await expectPooled(['max', 'weightedmean'], { folder: model({ pooling_mode: ['weightedmean', 'max'] }) });
  await expectPooled(['cls', 'mean'], { folder: model({ pooling_mode: 'mean+cls' }) });
});

test('the option wins over a folder whose pooling is unknown', async () => {
  const unknown = model({ pooling_mode: 'attention' });
  await expectPooled(['mean'], { folder: unknown, pooling: 'mean' });
  const flag = model({ pooling_mode_attention: true });
  await expectPooled(['cls'], { folder: flag, pooling: 'cls' });
});

test('a prompt that does not count is left out of max and means, and not of the first token', async () => {
  const only = (mode: Pooling): string => model({ pooling_mode: mode, include_prompt: false });
  const words = ['cat', '[SEP]'].map(vector);
  const run = async (mode: TokenPooling): Promise<number[]> =>
    (await encode(['cat'], { folder: only(mode), prompt: 'query' }))[0];
  for (const mode of ['max', 'mean', 'mean_sqrt_len_tokens'] as const)
    expectClose(await run(mode), DEFINITIONS[mode](words));
  expectClose(await run('cls'), vector('[CLS]'));
  // [CLS] query : cat [SEP]: the positions are 4 and 5.
  expectClose(
    await run('weightedmean'),
    words[0].map((value, i) => (4 * value + 5 * words[1][i]) / 9),
  );
});

test('a graph that only pools by itself is refused with the option that works, which wins over the folder', async () => {
  const onnx = tinyOnnx({ hidden: 'logits' });
  const made = model({ pooling_mode: 'mean' }, { 'onnx/model.onnx': onnx });
  await expect(encode(['cat'], { folder: made })).rejects.toThrow(
    /none is the hidden state of the tokens; set pooling to output to use its sentence_embedding/,
  );
  expectClose(
    (await encode(['cat'], { folder: made, pooling: 'output' }))[0],
    DEFINITIONS.max(rowsOf('cat')),
  );
});
