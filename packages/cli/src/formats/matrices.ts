import { type FileHandle, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { NestbitError, openNpy, throwIfAborted, type VectorBatch, type VectorSource } from '@nestbit/core';

const BATCH_BYTES = 8 << 20;

/** Values of `.fvecs`, `.ivecs` and `.bvecs`. */
type VecsType = 'float32' | 'int32' | 'uint8';

/** `.fvecs`, `.ivecs` and `.bvecs` (corpus-texmex.irisa.fr): each row its width as int32, then its values. */
export async function openVecs(path: string, type: VecsType): Promise<VectorSource> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    const start = Buffer.alloc(4);
    const { bytesRead } = await handle.read(start, 0, 4, 0);
    const dimensions = bytesRead === 4 ? start.readInt32LE() : 0;
    const rowBytes = 4 + dimensions * (type === 'uint8' ? 1 : 4);
    if (dimensions < 1 || size % rowBytes !== 0)
      throw invalid(path, `its ${size} bytes are not rows of ${dimensions} values, as its first row says`);
    const rows = size / rowBytes;
    return {
      rows,
      dimensions,
      hasIds: false,
      batches: ({ batchRows = Math.max(1, Math.floor(BATCH_BYTES / rowBytes)), signal } = {}) =>
        vecsBatches(path, handle, { rows, dimensions, rowBytes, type }, batchRows, signal),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function* vecsBatches(
  path: string,
  handle: FileHandle,
  {
    rows,
    dimensions,
    rowBytes,
    type,
  }: { rows: number; dimensions: number; rowBytes: number; type: VecsType },
  batchRows: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<VectorBatch> {
  const value = {
    float32: (bytes: Buffer, at: number, i: number) => bytes.readFloatLE(at + 4 * i),
    int32: (bytes: Buffer, at: number, i: number) => bytes.readInt32LE(at + 4 * i),
    uint8: (bytes: Buffer, at: number, i: number) => bytes[at + i],
  }[type];
  for (let firstRow = 0; firstRow < rows; firstRow += batchRows) {
    throwIfAborted(signal);
    const count = Math.min(batchRows, rows - firstRow);
    const bytes = Buffer.alloc(count * rowBytes);
    await handle.read(bytes, 0, bytes.length, firstRow * rowBytes);
    const vectors = new Float32Array(count * dimensions);
    for (let row = 0; row < count; row++) {
      const at = row * rowBytes;
      if (bytes.readInt32LE(at) !== dimensions)
        throw invalid(
          path,
          `row ${firstRow + row} has ${bytes.readInt32LE(at)} values, the first one ${dimensions}`,
        );
      for (let i = 0; i < dimensions; i++) vectors[row * dimensions + i] = value(bytes, at + 4, i);
    }
    yield { firstRow, rows: count, dimensions, vectors };
  }
}

/** The one matrix of a `.npz`, unpacked beside the system's temporary files. */
export async function openNpz(path: string): Promise<VectorSource> {
  const { unzipSync } = await import('fflate');
  let files: Record<string, Uint8Array>;
  try {
    files = unzipSync(await readFile(path), { filter: ({ name }) => name.endsWith('.npy') });
  } catch (cause) {
    throw invalid(path, `it cannot be unpacked (${(cause as Error).message})`);
  }
  const names = Object.keys(files);
  if (names.length !== 1)
    throw invalid(
      path,
      `it holds ${names.length} arrays (${names.join(', ')}); one is read: save the one that is meant with numpy.save`,
    );
  const folder = await mkdtemp(join(tmpdir(), 'nestbit-npz-'));
  try {
    const unpacked = join(folder, basename(names[0]));
    await writeFile(unpacked, files[names[0]]);
    const file = await openNpy(unpacked);
    return {
      rows: file.rows,
      dimensions: file.dimensions,
      hasIds: false,
      batches: (options) => file.vectors(options),
      close: async () => {
        await file.close();
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** A matrix of an HDF5 file, by default `train` of ann-benchmarks. */
export async function openHdf5(path: string, name: string = 'train'): Promise<VectorSource> {
  const { default: h5 } = await import('h5wasm/node');
  await h5.ready;
  const file = new h5.File(path, 'r');
  try {
    const found = file.get(name);
    if (!(found instanceof h5.Dataset) || found.shape?.length !== 2)
      throw invalid(
        path,
        `it has no matrix ${name}; it has ${file.keys().join(', ')}: name one with --vector-field`,
      );
    const [rows, dimensions] = found.shape;
    const dataset = found;
    return {
      rows,
      dimensions,
      hasIds: false,
      async *batches({ batchRows = Math.max(1, Math.floor(BATCH_BYTES / (4 * dimensions))), signal } = {}) {
        for (let firstRow = 0; firstRow < rows; firstRow += batchRows) {
          throwIfAborted(signal);
          const count = Math.min(batchRows, rows - firstRow);
          const values = dataset.slice([
            [firstRow, firstRow + count],
            [0, dimensions],
          ]);
          const vectors = Float32Array.from(values as ArrayLike<number>);
          yield { firstRow, rows: count, dimensions, vectors };
        }
      },
      close: async () => {
        file.close();
      },
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

function invalid(path: string, what: string): NestbitError {
  return new NestbitError('DATASET_INVALID', `${path}: ${what}.`);
}
