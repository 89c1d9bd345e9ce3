import { applySteps, normalize } from './apply-steps.ts';
import { invalid } from './model/invalid.ts';
import type { ModelFolder } from './model/model-folder.ts';
import { type Step, widthsOf } from './model/steps.ts';

/** Turns a pooled vector into an embedding: the folder's modules, layer norm, truncation, length 1. */
export class Finish {
  /** Values of an embedding. */
  readonly dimensions: number;
  readonly #steps: readonly Step[];
  readonly #normalize: boolean;

  /**
   * @param pooled values of a pooled vector
   * @throws NestbitError `MODEL_INVALID` when a module takes another width, or the truncation is wider
   */
  constructor(
    folder: Pick<ModelFolder, 'steps' | 'layerNorm' | 'truncateDimensions'>,
    pooled: number,
    normalizeRows: boolean,
  ) {
    // Behind the last module the option decides whether the length becomes 1.
    const last = folder.steps.findLastIndex(({ kind }) => kind !== 'Normalize');
    const layerNorm: readonly Step[] = folder.layerNorm
      ? [{ kind: 'LayerNorm', weight: undefined, bias: undefined }]
      : [];
    this.#steps = [...folder.steps.slice(0, last + 1), ...layerNorm];
    const width = this.#steps.reduce((has, step) => {
      const [needs, gives] = widthsOf(step);
      if (needs !== undefined && needs !== has)
        throw invalid(
          `its ${step.kind} module takes ${needs} values, and the pooling before it gives ${has}`,
        );
      return gives ?? has;
    }, pooled);
    const { truncateDimensions = width } = folder;
    if (truncateDimensions > width)
      throw invalid(
        `its embeddings have ${width} values, fewer than the ${truncateDimensions} that are to be kept`,
      );
    this.dimensions = truncateDimensions;
    this.#normalize = normalizeRows;
  }

  /** The pooled vector may be overwritten. */
  run(pooled: Float32Array): Float32Array {
    const embedding = applySteps(this.#steps, pooled).subarray(0, this.dimensions);
    return this.#normalize ? normalize(embedding) : embedding;
  }
}
