import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ExternalData } from './external-data.ts';
import { readJsonObject } from './model/json-file.ts';
import type { ModelFolder } from './model/model-folder.ts';
import type { Step } from './model/steps.ts';
import { casedNormalizer, type Normalizer } from './normalizer.ts';

/**
 * Folder name and a hash of all that decides the embeddings: the model's file with the data files it names, the
 * tokenizer, pooling, modules, longest input, prompts, and the sides that are cut and filled up. What a folder does not
 * have is left out, so that its identity stays the same when nestbit learns of something new.
 */
export async function identityOf(path: string, folder: ModelFolder): Promise<string> {
  const hash = createHash('sha256');
  const external = new ExternalData();
  await update(hash, folder.weightsPath, (chunk) => external.add(chunk));
  await update(hash, folder.tokenizerPath);
  const { pooling, includePrompt, maxLength, prompts, tokenizerConfig } = folder;
  const modes = Array.isArray(pooling) && pooling.length === 1 ? pooling[0] : pooling;
  const sides = [tokenizerConfig['truncation_side'], tokenizerConfig['padding_side']];
  hash.update(JSON.stringify([modes, includePrompt, maxLength, prompts, ...sides]));
  await updateModules(hash, folder);
  if (folder.kind === 'static') return named(path, hash);
  for (const file of external.files(folder.weightsPath)) {
    hash.update(`${basename(file)} ${(await stat(file)).size}\n`);
    await update(hash, file);
  }
  return named(path, hash);
}

async function updateModules(hash: Hash, folder: ModelFolder): Promise<void> {
  const { lowerCase, layerNorm, truncateDimensions, tokenizerConfig, tokenizerPath, steps } = folder;
  const { normalizer } = await readJsonObject(tokenizerPath);
  const cased = casedNormalizer(normalizer as Normalizer, tokenizerConfig);
  const extra = {
    ...(lowerCase && { lowerCase }),
    ...(layerNorm && { layerNorm }),
    ...(truncateDimensions !== undefined && { truncateDimensions }),
    ...(!isDeepStrictEqual(cased, normalizer) && { cased }),
  };
  if (Object.keys(extra).length > 0) hash.update(JSON.stringify(extra));
  for (const step of steps) if (step.kind !== 'Normalize') updateStep(hash, step);
}

function updateStep(hash: Hash, step: Exclude<Step, { kind: 'Normalize' }>): void {
  hash.update(JSON.stringify([step.kind, step.kind === 'Dense' ? step.activation : '']));
  for (const values of [step.weight, step.bias])
    if (values !== undefined)
      hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
}

function named(path: string, hash: Hash): string {
  return `${basename(resolve(path))}@${hash.digest('hex').slice(0, 16)}`;
}

async function update(hash: Hash, file: string, seen: (chunk: Buffer) => void = () => {}): Promise<void> {
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
    hash.update(chunk);
    seen(chunk);
  }
}
