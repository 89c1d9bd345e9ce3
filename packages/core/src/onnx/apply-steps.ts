import type { Activation, DenseStep, LayerNormStep, Step } from './model/steps.ts';

/** torch.nn.LayerNorm's default. */
const EPSILON = 1e-5;

/**
 * Runs the steps on one embedding.
 *
 * @returns the embedding that comes out; the input is overwritten where the width stays
 */
export function applySteps(steps: readonly Step[], embedding: Float32Array): Float32Array {
  return steps.reduce((x, step) => {
    if (step.kind === 'Dense') return dense(step, x);
    if (step.kind === 'LayerNorm') return layerNorm(step, x);
    return normalize(x);
  }, embedding);
}

/** Scales a vector to length 1 in place; a zero vector (a text without a known token) stays zero. */
export function normalize(x: Float32Array): Float32Array {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i] * x[i];
  const length = Math.sqrt(sum);
  if (length > 0) for (let i = 0; i < x.length; i++) x[i] /= length;
  return x;
}

function dense({ inputs, outputs, weight, bias, activation }: DenseStep, x: Float32Array): Float32Array {
  const out = new Float32Array(outputs);
  const activate = FUNCTIONS[activation];
  for (let row = 0; row < outputs; row++) {
    let sum = bias?.[row] ?? 0;
    const start = row * inputs;
    for (let i = 0; i < inputs; i++) sum += weight[start + i] * x[i];
    out[row] = activate(sum);
  }
  return out;
}

function layerNorm({ weight, bias }: LayerNormStep, x: Float32Array): Float32Array {
  let mean = 0;
  for (let i = 0; i < x.length; i++) mean += x[i] / x.length;
  let variance = 0;
  for (let i = 0; i < x.length; i++) variance += (x[i] - mean) ** 2 / x.length;
  const scale = 1 / Math.sqrt(variance + EPSILON);
  for (let i = 0; i < x.length; i++) x[i] = (x[i] - mean) * scale * (weight?.[i] ?? 1) + (bias?.[i] ?? 0);
  return x;
}

const FUNCTIONS: Readonly<Record<Activation, (x: number) => number>> = {
  Identity: (x) => x,
  Tanh: Math.tanh,
  ReLU: (x) => Math.max(0, x),
  Sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  SiLU: (x) => x / (1 + Math.exp(-x)),
};
