import { Safetensors } from '../files/safetensors.ts';
import { invalid } from './model/invalid.ts';
import type { StaticTable } from './session.ts';

/** The names of the table: sentence-transformers' and model2vec's. */
const TABLES = ['embedding.weight', 'embeddings'];

/**
 * Reads the tensors of a static model: `embedding.weight` or `embeddings`, and of model2vec's models `weights` and
 * `mapping` where they exist.
 *
 * @throws NestbitError `MODEL_INVALID`
 */
export async function readStaticTable(path: string): Promise<StaticTable> {
  const file = await Safetensors.open(path);
  try {
    const name = TABLES.find((one) => file.tensors.has(one));
    if (name === undefined)
      throw invalid(
        `${path} has the tensors ${[...file.tensors.keys()].join(', ')}, none of which is ${TABLES.join(' or ')}`,
      );
    const shape = file.tensors.get(name)?.shape ?? [];
    if (shape.length !== 2 || shape[0] === 0 || shape[1] === 0)
      throw invalid(`${path} holds ${name} of shape (${shape}), not tokens × dimensions`);
    const optional = (tensor: string): boolean => file.tensors.has(tensor);
    const weights = optional('weights') ? await file.floats('weights') : undefined;
    const mapping = optional('mapping') ? await file.integers('mapping') : undefined;
    return { rows: await file.floats(name), width: shape[1], weights, mapping };
  } finally {
    await file.close();
  }
}
