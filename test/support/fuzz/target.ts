/** One format that others write, and what nestbit must make of a file of it. */
export interface FuzzTarget {
  readonly name: string;
  /** Whether mutations follow JSON text as well as bytes. */
  readonly text: boolean;
  /** Name of the file that is read. */
  readonly file: string;
  /** Whole files, from which the mutations start. `folder` is for files that writing them needs. */
  seeds(folder: string): Promise<Buffer[]>;
  /**
   * Reads the file at `path`, which holds `bytes`, and uses what was read. Compares it with what an independent, slow
   * reading of the bytes gives.
   *
   * @throws NestbitError when the file is refused; WrongAnswer; anything else is a fault too
   */
  read(path: string, bytes: Buffer): Promise<void>;
}

/** What was read is not what stands in the file. */
export class WrongAnswer extends Error {
  override name = 'WrongAnswer';
}

export function expectAnswer(holds: boolean, what: string): void {
  if (!holds) throw new WrongAnswer(what);
}
