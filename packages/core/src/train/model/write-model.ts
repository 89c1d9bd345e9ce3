import { mkdir, open, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { NestbitError } from '../../errors.ts';
import { partialName, syncFolderOf } from '../../files/partial.ts';
import { safetensorsFile } from '../../files/safetensors.ts';
import type { TrainSettings } from '../settings.ts';
import { type CardFigures, modelCard } from './card.ts';
import { onnxFile } from './onnx-file.ts';
import { float16Table, int8Table } from './table.ts';

/** The tokenizer's two files, as they are to be written. */
export interface TokenizerFiles {
  readonly json: string;
  readonly config: string;
}

/**
 * Refuses a folder that has something in it, before a long training.
 *
 * @throws NestbitError `FILE_WRITE`
 */
export async function checkOut(folder: string): Promise<void> {
  const files = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw unwritable(folder, error);
  });
  if (files.length > 0) {
    throw new NestbitError(
      'FILE_WRITE',
      `${folder} has ${files.length} files already; give a folder that is empty or not there.`,
    );
  }
  await mkdir(dirname(folder), { recursive: true }).catch((error) => {
    throw unwritable(folder, error);
  });
}

/** Writes the model folder beside its place and gives it its name when it is whole. */
export async function writeModel(
  table: Float32Array,
  tokenizer: TokenizerFiles,
  settings: TrainSettings,
  figures: Omit<CardFigures, 'bytes' | 'vocabulary'>,
): Promise<void> {
  const [width] = settings.dimensions;
  const vocabulary = table.length / width;
  const partial = partialName(join(dirname(settings.out), `.${basename(settings.out)}`));
  try {
    await mkdir(join(partial, 'onnx'), { recursive: true });
    const written = ['tokenizer.json'];
    for (const file of settings.files) {
      if (file === 'safetensors') {
        await writeStatic(partial, table, vocabulary, width);
        written.push('model.safetensors');
        continue;
      }
      const stored = file === 'float16' ? float16Table(table) : int8Table(table, width);
      const name = file === 'float16' ? 'onnx/model.onnx' : 'onnx/model_quantized.onnx';
      await writeSynced(join(partial, name), onnxFile(stored, vocabulary, width));
      written.push(name);
    }
    await writeSynced(join(partial, 'tokenizer.json'), tokenizer.json);
    await writeSynced(join(partial, 'tokenizer_config.json'), tokenizer.config);
    const config = {
      // Not model2vec, which leaves unknown words out: training counted them.
      model_type: 'bert',
      ...(settings.files.includes('safetensors') && { normalize: true }),
      architectures: ['StaticEmbedding'],
      hidden_size: width,
      vocab_size: vocabulary,
      matryoshka_dims: settings.dimensions,
      pooling: 'mean',
    };
    await writeSynced(join(partial, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
    const bytes: Record<string, number> = {};
    for (const file of written) {
      bytes[file] = (await stat(join(partial, file))).size;
    }
    await writeSynced(join(partial, 'README.md'), modelCard(settings, { ...figures, vocabulary, bytes }));
    for (const name of ['onnx/model.onnx', 'README.md']) await syncFolderOf(join(partial, name));
    // Only an empty folder gives way: what came into it since `checkOut` isn't ours.
    await rmdir(settings.out).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    await rename(partial, settings.out);
    await syncFolderOf(settings.out);
  } catch (error) {
    throw unwritable(settings.out, error);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

async function writeSynced(path: string, content: string | Uint8Array): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The table as model2vec writes it, for sentence-transformers' StaticEmbedding followed by Normalize. */
async function writeStatic(
  folder: string,
  table: Float32Array,
  vocabulary: number,
  width: number,
): Promise<void> {
  await writeSynced(
    join(folder, 'model.safetensors'),
    safetensorsFile({ embeddings: { shape: [vocabulary, width], data: table } }),
  );
  const modules = [
    { idx: 0, name: '0', path: '.', type: 'sentence_transformers.models.StaticEmbedding' },
    { idx: 1, name: '1', path: '1_Normalize', type: 'sentence_transformers.models.Normalize' },
  ];
  await writeSynced(join(folder, 'modules.json'), `${JSON.stringify(modules, null, 2)}\n`);
  await mkdir(join(folder, '1_Normalize'));
}

function unwritable(folder: string, cause: unknown): NestbitError {
  return new NestbitError('FILE_WRITE', `${folder} cannot be written (${(cause as Error).message}).`, {
    cause,
  });
}
