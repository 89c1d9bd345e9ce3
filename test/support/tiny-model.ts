import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type EncodeOptions, Encoder, type EncoderOptions } from '@nestbit/core/onnx';
import { expect } from 'vitest';
import { DIMENSIONS, tinyTable, WORDS } from './tiny-onnx.ts';

/** The model folder test/fixtures/tiny-model. */
export const tinyModel: string = fileURLToPath(new URL('../fixtures/tiny-model', import.meta.url));

/** A word's row of the model's table. */
export function vector(word: string): number[] {
  const start = WORDS.indexOf(word) * DIMENSIONS;
  return [...tinyTable().subarray(start, start + DIMENSIONS)];
}

export function mean(...words: string[]): number[] {
  return vector(words[0]).map((_, i) => words.reduce((sum, word) => sum + vector(word)[i], 0) / words.length);
}

/** A copy of the model folder, below `parent`, with some files written over (undefined: removed). */
export function changedModel(
  parent: string,
  files: Record<string, string | Uint8Array | object | undefined>,
): string {
  const copy = mkdtempSync(join(parent, 'model-'));
  cpSync(tinyModel, copy, { recursive: true });
  for (const [file, content] of Object.entries(files)) {
    const path = join(copy, file);
    mkdirSync(dirname(path), { recursive: true });
    if (content === undefined) rmSync(path);
    else {
      const isFile = typeof content === 'string' || content instanceof Uint8Array;
      writeFileSync(path, isFile ? content : JSON.stringify(content));
    }
  }
  return copy;
}

/** One embedding a text, not normalized, of an encoder opened for this call. */
export async function encode(
  texts: string[],
  options: EncoderOptions & EncodeOptions & { folder?: string } = {},
): Promise<number[][]> {
  const { prompt, promptText, folder = tinyModel, ...rest } = options;
  const encoder = await Encoder.open(folder, { workers: 1, normalize: false, ...rest });
  try {
    const rows = await encoder.encode(texts, {
      ...(prompt !== undefined && { prompt }),
      ...(promptText !== undefined && { promptText }),
    });
    const n = encoder.dimensions;
    return texts.map((_, row) => [...rows.subarray(row * n, (row + 1) * n)]);
  } finally {
    await encoder.close();
  }
}

export function expectClose(actual: number[], expected: number[]): void {
  expect(actual).toHaveLength(expected.length);
  for (const [i, value] of actual.entries()) expect(value).toBeCloseTo(expected[i], 5);
}

/** Warnings of nestbit while something runs. */
export async function warningsOf(run: () => Promise<unknown>): Promise<string[]> {
  const seen: string[] = [];
  const listen = (warning: Error): void => {
    if (warning.name === 'NestbitWarning') seen.push(warning.message);
  };
  process.on('warning', listen);
  try {
    await run();
    // Warnings are told on the next tick.
    await new Promise(setImmediate);
    return seen;
  } finally {
    process.off('warning', listen);
  }
}

/** The bytes of a safetensors file; float32 unless a tensor says otherwise. */
export function safetensors(
  tensors: Record<string, { dtype?: string; shape: number[]; data: ArrayBufferView }>,
): Buffer {
  let end = 0;
  const header: Record<string, object> = {};
  for (const [name, { dtype = 'F32', shape, data }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [end, end + data.byteLength] };
    end += data.byteLength;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const values = Object.values(tensors).map(({ data }) =>
    Buffer.from(data.buffer, data.byteOffset, data.byteLength),
  );
  return Buffer.concat([length, text, ...values]);
}
