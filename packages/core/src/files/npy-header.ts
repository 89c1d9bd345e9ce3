import { NestbitError } from '../errors.ts';

/** Value types of `.npy` that nestbit reads. */
export type NpyType = 'float16' | 'bfloat16' | 'float32' | 'float64' | 'int8' | 'uint8' | 'int64';

export interface NpyHeader {
  readonly type: NpyType;
  readonly bigEndian: boolean;
  /** Whether the values stand column after column. */
  readonly columnsFirst: boolean;
  /** One or two numbers; a vector of n values has shape [n]. */
  readonly shape: readonly number[];
  /** Where the values start, in bytes. */
  readonly dataOffset: number;
}

const TYPES: Record<string, NpyType> = {
  f2: 'float16',
  // numpy has no name for it: ml_dtypes writes two bytes without one.
  V2: 'bfloat16',
  f4: 'float32',
  f8: 'float64',
  i1: 'int8',
  u1: 'uint8',
  i8: 'int64',
};

export const BYTES_OF: Record<NpyType, number> = {
  float16: 2,
  bfloat16: 2,
  float32: 4,
  float64: 8,
  int8: 1,
  uint8: 1,
  int64: 8,
};

/** Bytes before the header text of a file of version 1: magic, version, length. */
const PREFIX = 10;

/** Enough of a file's start for any header that nestbit accepts. */
export const HEADER_LIMIT: number = 65_536 + 12;

/**
 * Reads the header of a `.npy` file (format versions 1, 2 and 3, numpy.lib.format). Parsed by pattern,
 * never evaluated.
 *
 * @param start the first bytes of the file, up to HEADER_LIMIT
 * @param name of the file, for messages
 */
export function parseNpyHeader(start: Buffer, name: string): NpyHeader {
  if (start.length >= 4 && start.readUInt32LE(0) === 0x04034b50) {
    throw invalid(name, 'it is a zip archive (.npz); unpack it and give the .npy inside');
  }
  if (start.length < PREFIX || start.toString('latin1', 0, 6) !== '\x93NUMPY') {
    throw invalid(
      name,
      start.length === 0 ? 'it is empty' : 'it does not start with the magic bytes of .npy',
    );
  }
  const version = start[6];
  if (version < 1 || version > 3)
    throw invalid(name, `its format version is ${version}; 1, 2 and 3 are read`);
  const textStart = version === 1 ? PREFIX : PREFIX + 2;
  if (start.length < textStart) throw invalid(name, 'it ends inside its header');
  const length = version === 1 ? start.readUInt16LE(8) : start.readUInt32LE(8);
  if (textStart + length > start.length) {
    throw invalid(name, `its header says ${length} bytes, of which ${start.length - textStart} are there`);
  }
  const text = start.toString(version === 3 ? 'utf8' : 'latin1', textStart, textStart + length);
  return { ...parseFields(text, name), dataOffset: textStart + length };
}

function parseFields(text: string, name: string): Omit<NpyHeader, 'dataOffset'> {
  const dictionary = /^\s*\{(.*)\}\s*$/s.exec(text);
  if (dictionary === null) throw invalid(name, 'its header is no dictionary');
  const fields = new Map<string, string>();
  let rest = dictionary[1].trim();
  while (rest !== '') {
    const field = /^(['"])(\w+)\1\s*:\s*('[^']*'|"[^"]*"|\[.*?\]|\([^()]*\)|\w+)\s*(?:,\s*|$)/s.exec(rest);
    if (field === null)
      throw invalid(name, `its header cannot be read at ${JSON.stringify(rest.slice(0, 40))}`);
    fields.set(field[2], field[3]);
    rest = rest.slice(field[0].length).trim();
  }
  const [descr, order, shape] = ['descr', 'fortran_order', 'shape'].map((key) => fields.get(key));
  if (descr === undefined || order === undefined || shape === undefined || fields.size !== 3) {
    throw invalid(
      name,
      `its header has the keys ${[...fields.keys()].join(', ')}, not descr, fortran_order, shape`,
    );
  }
  if (order !== 'True' && order !== 'False')
    throw invalid(name, `fortran_order is ${order}, not True or False`);
  const type = /^['"]([<>=|])([a-zA-Z]\d)['"]$/.exec(descr);
  if (type === null || TYPES[type[2]] === undefined) {
    throw unsupported(
      name,
      `its values are ${descr}; float16, float32, float64, int8, uint8 (and int64 for ids) are read. ` +
        (descr.startsWith('[')
          ? 'Save the field that holds the vectors: np.save(path, x["vector"].astype("float32"))'
          : 'Convert it: np.save(path, x.astype("float32"))'),
    );
  }
  const dimensions = parseShape(shape, name);
  const columnsFirst = order === 'True' && dimensions.length === 2;
  return { type: TYPES[type[2]], bigEndian: type[1] === '>', columnsFirst, shape: dimensions };
}

function parseShape(text: string, name: string): number[] {
  const inner = /^\((.*)\)$/s.exec(text)?.[1].trim().replace(/,$/, '');
  if (inner === undefined) throw invalid(name, `its shape is ${text}, not a tuple`);
  const parts = inner === '' ? [] : inner.split(',').map((part) => part.trim());
  // Python 2 wrote long integers as 5L.
  if (!parts.every((part) => /^\d+L?$/.test(part)))
    throw invalid(name, `its shape ${text} is not of whole numbers`);
  const shape = parts.map((part) => Number.parseInt(part, 10));
  if (shape.length !== 1 && shape.length !== 2) {
    throw unsupported(name, `its shape ${text} is no matrix; rows × dimensions (or one vector) is read`);
  }
  if (!Number.isSafeInteger(shape.reduce((product, size) => product * size, 8))) {
    throw invalid(name, `its shape ${text} is larger than any file`);
  }
  return shape;
}

export function invalid(name: string, what: string): NestbitError {
  return new NestbitError('NPY_INVALID', `${name} is no valid .npy file: ${what}.`);
}

export function unsupported(name: string, what: string): NestbitError {
  return new NestbitError('NPY_UNSUPPORTED', `${name} cannot be read: ${what}.`);
}
