import { AtomicFile, type Id, NpyWriter } from '@nestbit/core';

/** Files that appear together when all of them are whole. */
export class Outputs {
  readonly #arrays = new Map<string, NpyWriter>();
  readonly #texts = new Map<string, AtomicFile>();

  /** Appends rows to an array, which the first call creates. */
  async append(
    path: string,
    type: 'float32' | 'int8' | 'uint8',
    dimensions: number,
    values: Float32Array | Int8Array | Uint8Array,
  ): Promise<void> {
    let writer = this.#arrays.get(path);
    if (writer === undefined) {
      writer = await NpyWriter.create(path, type, dimensions);
      this.#arrays.set(path, writer);
    }
    await writer.append(values);
  }

  /** Appends one `{"id": …}` a line; bigint ids as text. */
  async appendIds(path: string, ids: readonly Id[]): Promise<void> {
    let file = this.#texts.get(path);
    if (file === undefined) {
      file = await AtomicFile.create(path);
      this.#texts.set(path, file);
    }
    await file.write(Buffer.from(ids.map((id) => `${JSON.stringify({ id: String(id) })}\n`).join('')));
  }

  /** Gives all files their names; returns these. */
  async commit(): Promise<string[]> {
    for (const file of [...this.#arrays.values(), ...this.#texts.values()]) await file.commit();
    return [...this.#arrays.keys(), ...this.#texts.keys()];
  }

  /** Removes what was not committed. */
  async abort(): Promise<void> {
    for (const file of [...this.#arrays.values(), ...this.#texts.values()]) await file.abort();
  }
}
