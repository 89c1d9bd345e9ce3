import { type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { invalid } from './invalid.ts';
import { isFile } from './json-file.ts';
import type { Modules } from './modules.ts';

/** The files that a model is read from. */
export interface ModelFiles {
  /** `onnx`: a graph for onnxruntime; `static`: a table of token vectors in model.safetensors. */
  readonly kind: 'onnx' | 'static';
  readonly weightsPath: string;
  readonly tokenizerPath: string;
  /** Where to look for configuration files, best first. */
  readonly folders: readonly string[];
}

/**
 * Finds the weights and the tokenizer: model.safetensors of a StaticEmbedding module or a model2vec folder, else
 * onnx/model.onnx, without one onnx/model_quantized.onnx, with a variant onnx/model_<variant>.onnx, or any of them
 * without the folder onnx. Old folders keep the tokenizer and the model in 0_Transformer.
 *
 * @throws NestbitError `MODEL_INVALID` naming what is missing
 */
export function findFiles(
  folder: string,
  modules: Modules,
  modelType: unknown,
  variant: string | undefined,
): ModelFiles {
  const first = modules.list[0]?.folder ?? folder;
  const folders = first === folder ? [folder] : [first, folder];
  const table = join(first, 'model.safetensors');
  const isStatic = modules.list[0]?.kind === 'StaticEmbedding' || modelType === 'model2vec';
  const onnxPath = findOnnx(folders, variant);
  const tokenizerPath = folders.map((one) => join(one, 'tokenizer.json')).find(isFile);
  if (tokenizerPath === undefined) throw noTokenizer(folder);
  if (isStatic && variant === undefined && isFile(table))
    return { kind: 'static', weightsPath: table, tokenizerPath, folders };
  if (onnxPath !== undefined) return { kind: 'onnx', weightsPath: onnxPath, tokenizerPath, folders };
  if (isStatic && variant === undefined)
    throw invalid(`${table} does not exist; save the static model again with safe_serialization=True`);
  throw invalid(
    `${folder} has no onnx/model${variant === undefined ? '' : `_${variant}`}.onnx; export one: ` +
      'optimum-cli export onnx --model … folder',
  );
}

/** @throws NestbitError `MODEL_INVALID` when there is no such folder */
export function checkFolder(folder: string): void {
  let stats: Stats;
  try {
    stats = statSync(folder);
  } catch (cause) {
    throw invalid(`${JSON.stringify(folder)} does not exist or cannot be read`, cause);
  }
  if (!stats.isDirectory())
    throw invalid(`${folder} is not a folder; give the folder that the model lies in`);
}

function findOnnx(folders: readonly string[], variant: string | undefined): string | undefined {
  // A folder that was made small has the quantized file only.
  const names = variant === undefined ? ['model.onnx', 'model_quantized.onnx'] : [`model_${variant}.onnx`];
  const places = [...folders].reverse();
  return names
    .flatMap((name) => places.flatMap((place) => [join(place, 'onnx', name), join(place, name)]))
    .find(isFile);
}

function noTokenizer(folder: string): Error {
  return invalid(
    `${folder} has no tokenizer.json; export one: AutoTokenizer.from_pretrained(…).save_pretrained(folder)`,
  );
}
