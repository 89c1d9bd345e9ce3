import { join } from 'node:path';
import { Safetensors } from '../../files/safetensors.ts';
import { invalid } from './invalid.ts';
import { isFile, readJsonObject } from './json-file.ts';
import type { Module } from './modules.ts';

/** What is done to an embedding after the pooling; plain data for the workers. */
export type Step = DenseStep | LayerNormStep | { readonly kind: 'Normalize' };

/** `activation(W x + b)`; W is outputs × inputs, row-major. */
export interface DenseStep {
  readonly kind: 'Dense';
  readonly inputs: number;
  readonly outputs: number;
  readonly weight: Float32Array;
  readonly bias: Float32Array | undefined;
  readonly activation: Activation;
}

/** `(x − mean) / sqrt(variance + 1e-5) · weight + bias`, as torch.nn.LayerNorm. */
export interface LayerNormStep {
  readonly kind: 'LayerNorm';
  readonly weight: Float32Array | undefined;
  readonly bias: Float32Array | undefined;
}

export type Activation = 'Identity' | 'Tanh' | 'ReLU' | 'Sigmoid' | 'SiLU';

const ACTIVATIONS: readonly Activation[] = ['Identity', 'Tanh', 'ReLU', 'Sigmoid', 'SiLU'];

/** The steps of a folder, and whether their weights are there. */
export interface Steps {
  readonly steps: readonly Step[];
  /**
   * Where weights are missing: which file, and the width of the embeddings. Only the model's own output
   * `sentence_embedding` can stand in for these steps.
   */
  readonly missing: { readonly file: string; readonly dimensions: number | undefined } | undefined;
}

/**
 * Reads the modules behind the pooling: Dense and LayerNorm with their weights from model.safetensors, and Normalize.
 *
 * @throws NestbitError `MODEL_INVALID` for wrong shapes and activations that nestbit does not know
 */
export async function readSteps(modules: readonly Module[]): Promise<Steps> {
  const steps: Step[] = [];
  let missing: Steps['missing'];
  let width: number | undefined;
  for (const { kind, folder } of modules) {
    if (kind === 'Normalize') steps.push({ kind });
    if (kind !== 'Dense' && kind !== 'LayerNorm') continue;
    const config = await readJsonObject(join(folder, 'config.json'));
    const weights = join(folder, 'model.safetensors');
    if (!isFile(weights)) {
      const { out_features: outputs } = config;
      const dimensions = typeof outputs === 'number' ? outputs : missing?.dimensions;
      missing = { file: missing?.file ?? weights, dimensions };
      continue;
    }
    const step = kind === 'Dense' ? await denseStep(folder, weights, config) : await layerNormStep(weights);
    const [needs, gives] = widthsOf(step);
    if (width !== undefined && needs !== undefined && needs !== width && missing === undefined)
      throw invalid(`${weights} takes ${needs} values, and the module before it gives ${width}`);
    width = gives ?? width;
    steps.push(step);
  }
  return { steps, missing };
}

/** Values that a step takes and gives; undefined: any number, and as many. */
export function widthsOf(step: Step): [needs: number | undefined, gives: number | undefined] {
  if (step.kind === 'Dense') return [step.inputs, step.outputs];
  if (step.kind === 'LayerNorm') return [step.weight?.length, step.weight?.length];
  return [undefined, undefined];
}

async function denseStep(
  folder: string,
  path: string,
  config: Readonly<Record<string, unknown>>,
): Promise<DenseStep> {
  const input = config['module_input_name'] ?? 'sentence_embedding';
  if (input !== 'sentence_embedding')
    throw invalid(`${folder} works on ${String(input)}; nestbit runs a Dense module on sentence_embedding`);
  const name = String(config['activation_function'] ?? 'torch.nn.modules.activation.Tanh');
  const activation = ACTIVATIONS.find(
    (known) => name === `torch.nn.modules.${known === 'Identity' ? 'linear' : 'activation'}.${known}`,
  );
  if (activation === undefined)
    throw invalid(`${folder} has the activation ${name}; known are ${ACTIVATIONS.join(', ')} of torch.nn`);
  const { weight, bias, shape } = await readWeights(path, 'linear');
  const [outputs, inputs] = shape;
  if (shape.length !== 2 || (bias !== undefined && bias.length !== outputs))
    throw invalid(
      `${path} has a linear.weight of shape (${shape}) and a bias of ${bias?.length ?? 0} values`,
    );
  if ((config['bias'] ?? true) === true && bias === undefined)
    throw invalid(`${path} has no linear.bias, which ${join(folder, 'config.json')} asks for`);
  return { kind: 'Dense', inputs, outputs, weight, bias, activation };
}

async function layerNormStep(path: string): Promise<LayerNormStep> {
  const { weight, bias, shape } = await readWeights(path, 'norm');
  if (shape.length !== 1 || (bias !== undefined && bias.length !== shape[0]))
    throw invalid(`${path} has a norm.weight of shape (${shape}) and a bias of ${bias?.length ?? 0} values`);
  return { kind: 'LayerNorm', weight, bias };
}

async function readWeights(
  path: string,
  name: string,
): Promise<{ weight: Float32Array; bias: Float32Array | undefined; shape: readonly number[] }> {
  const file = await Safetensors.open(path);
  try {
    const weight = await file.floats(`${name}.weight`);
    const bias = file.tensors.has(`${name}.bias`) ? await file.floats(`${name}.bias`) : undefined;
    return { weight, bias, shape: file.tensors.get(`${name}.weight`)?.shape ?? [] };
  } finally {
    await file.close();
  }
}
