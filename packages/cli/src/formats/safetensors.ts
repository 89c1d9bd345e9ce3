import { NestbitError, Safetensors, throwIfAborted, type VectorSource } from '@nestbit/core';

const BATCH_BYTES = 8 << 20;

/** The one matrix of a safetensors file, or the one named. @throws NestbitError `DATASET_INVALID` */
export async function openSafetensors(path: string, name?: string): Promise<VectorSource> {
  const file = await Safetensors.open(path).catch((cause: unknown) => {
    const damaged = cause instanceof NestbitError && cause.code === 'MODEL_INVALID';
    throw damaged ? new NestbitError('DATASET_INVALID', cause.message, { cause }) : cause;
  });
  try {
    const matrices = [...file.tensors].filter(([, { shape }]) => shape.length === 2);
    const found = matrices.filter(([one]) => name === undefined || one === name);
    if (found.length !== 1) {
      const names = matrices.map(([one]) => one).join(', ');
      const what =
        name === undefined
          ? `holds ${matrices.length} matrices (${names})`
          : `has no matrix ${name}, but ${names}`;
      throw new NestbitError('DATASET_INVALID', `${path} ${what}; name one with --vector-field.`);
    }
    const [[tensor, { dtype, shape }]] = found;
    if (!/^(F64|F32|F16|BF16)$/.test(dtype))
      throw new NestbitError(
        'DATASET_INVALID',
        `${path} holds ${tensor} as ${dtype}; F64, F32, F16 and BF16 are read as vectors.`,
      );
    const [rows, dimensions] = shape;
    return {
      rows,
      dimensions,
      hasIds: false,
      async *batches({ batchRows = Math.max(1, Math.floor(BATCH_BYTES / (4 * dimensions))), signal } = {}) {
        for (let firstRow = 0; firstRow < rows; firstRow += batchRows) {
          throwIfAborted(signal);
          const count = Math.min(batchRows, rows - firstRow);
          yield { firstRow, rows: count, dimensions, vectors: await file.rows(tensor, firstRow, count) };
        }
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}
