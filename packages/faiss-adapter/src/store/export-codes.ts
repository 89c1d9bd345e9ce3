import { type Codec, type CodeMemory, formatCodec, NpyWriter, writeFileAtomic } from '@nestbit/core';

/** One array of an export. */
interface Part {
  readonly name: string;
  readonly type: 'uint8' | 'int8';
  /** Bytes of a row. */
  readonly width: number;
  content(memory: CodeMemory): Uint8Array | Int8Array;
}

function parts(codec: Codec): Part[] {
  const { bits, scalars, copy } = codec.layout;
  const all: Part[] = [{ name: 'bits', type: 'uint8', width: bits, content: (memory) => memory.bits }];
  if (scalars > 0)
    all.push({ name: 'scalars', type: 'uint8', width: scalars, content: (memory) => memory.scalars });
  if (codec.copy === 'calibrated')
    all.push({
      name: 'int8',
      type: 'int8',
      width: copy,
      content: ({ copies }) => new Int8Array(copies.buffer),
    });
  else if (copy > 0)
    all.push({ name: 'copies', type: 'uint8', width: copy, content: (memory) => memory.copies });
  return all;
}

/** The codes of exported rows as `.npy` files that appear together, with the codec that made them. */
export class CodeArrays {
  readonly #path: string;
  readonly #codec: Codec;
  readonly #writers: { readonly part: Part; readonly writer: NpyWriter }[] = [];

  private constructor(path: string, codec: Codec) {
    this.#path = path;
    this.#codec = codec;
  }

  static async create(path: string, codec: Codec): Promise<CodeArrays> {
    const arrays = new CodeArrays(path, codec);
    try {
      for (const part of parts(codec)) {
        const writer = await NpyWriter.create(`${path}.${part.name}.npy`, part.type, part.width);
        arrays.#writers.push({ part, writer });
      }
      return arrays;
    } catch (error) {
      await arrays.abort();
      throw error;
    }
  }

  async append(memory: CodeMemory): Promise<void> {
    for (const { part, writer } of this.#writers) await writer.append(part.content(memory));
  }

  /** Gives all files their names. */
  async commit(): Promise<void> {
    for (const { writer } of this.#writers) await writer.commit();
    await writeFileAtomic(`${this.#path}.codec.json`, formatCodec(this.#codec));
  }

  /** Removes what was not committed. */
  async abort(): Promise<void> {
    for (const { writer } of this.#writers) await writer.abort();
  }
}
