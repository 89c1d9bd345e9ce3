import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { ExternalData } from './external-data.ts';
import type { ModelFolder } from './model-folder.ts';

/**
 * Folder name and a hash of all that decides the embeddings: the ONNX file with the data files it names, the
 * tokenizer, pooling, longest input, prompts, and the sides that are cut and filled up.
 */
export async function identityOf(path: string, folder: ModelFolder): Promise<string> {
  const hash = createHash('sha256');
  const external = new ExternalData();
  await update(hash, folder.onnxPath, (chunk) => external.add(chunk));
  await update(hash, folder.tokenizerPath);
  const { pooling, includePrompt, maxLength, prompts, tokenizerConfig } = folder;
  const sides = [tokenizerConfig['truncation_side'], tokenizerConfig['padding_side']];
  hash.update(JSON.stringify([pooling, includePrompt, maxLength, prompts, ...sides]));
  for (const file of external.files(folder.onnxPath)) {
    hash.update(`${basename(file)} ${(await stat(file)).size}\n`);
    await update(hash, file);
  }
  return `${basename(resolve(path))}@${hash.digest('hex').slice(0, 16)}`;
}

async function update(hash: Hash, file: string, seen: (chunk: Buffer) => void = () => {}): Promise<void> {
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
    hash.update(chunk);
    seen(chunk);
  }
}
