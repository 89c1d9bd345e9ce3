import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Encoder } from '@nestbit/core/onnx';
import { modelFolder } from '@nestbit/model-en';
import { expect, test } from 'vitest';
import { ndcgByDimensions } from '../../bench/src/retrieval.ts';
import { needsSharedData } from '../support/shared-data.ts';

test('the model that ships takes at most 4 MB, the card with it', () => {
  const files = readdirSync(modelFolder, { recursive: true, encoding: 'utf8' }).map((file) =>
    statSync(join(modelFolder, file)),
  );
  expect(files.reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0)).toBeLessThan(4_000_000);
});

test('its card says what it was trained on, the licence, the losses and the figures', () => {
  const card = readFileSync(join(modelFolder, 'README.md'), 'utf8');
  for (const part of [
    'license: cc-by-4.0',
    'MedQuAD',
    'ACL Anthology',
    'CC BY 4.0',
    'multiple negatives',
    'scifact',
  ])
    expect(card).toContain(part);
});

test('it answers with meaning, not with words alone', async () => {
  const encoder = await Encoder.open(modelFolder, { workers: 1 });
  expect(encoder.dimensions).toBe(256);
  const rows = await encoder.encode([
    'How is high blood pressure treated?',
    'Hypertension medicines include diuretics and beta blockers.',
    'Neural machine translation uses an encoder and a decoder.',
  ]);
  await encoder.close();
  const cosine = (a: number, b: number): number => {
    let sum = 0;
    for (let i = 0; i < 256; i++) sum += rows[a * 256 + i] * rows[b * 256 + i];
    return sum;
  };
  expect(cosine(0, 1)).toBeGreaterThan(cosine(0, 2) + 0.1);
});

test('scifact, which it was not trained on: nDCG@10 of its full size and cut', async (context) => {
  const folder = needsSharedData(context, 'datasets/scifact');
  const [full, half, quarter] = await ndcgByDimensions(modelFolder, folder, [256, 128, 64]);
  expect(full).toBeGreaterThan(0.5);
  expect(half).toBeGreaterThan(0.43);
  expect(quarter).toBeGreaterThan(0.33);
});
