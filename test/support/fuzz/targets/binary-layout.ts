/** What stands in a file of faiss's binary format, read slowly and by itself. */
export interface BinaryLayout {
  readonly kind: 'flat' | 'ivf' | 'hnsw';
  readonly dimensions: number;
  readonly rows: number;
  readonly trained: boolean;
  /** Row numbers and codes as they are stored; an IVF index may have a number twice or not at all. */
  readonly entries: readonly { readonly row: bigint; readonly code: Uint8Array }[];
  /** The ids of an id map, by row number. */
  readonly ids: readonly bigint[] | undefined;
}

/** @throws RangeError for a file that ends early, Error for one that contradicts itself */
export function readLayout(bytes: Buffer): BinaryLayout {
  let at = 0;
  const take = (count: number): Buffer => {
    if (count > bytes.length - at) throw new RangeError('the file ends');
    at += count;
    return bytes.subarray(at - count, at);
  };
  const name = (): string => take(4).toString('latin1');
  const int32 = (): number => take(4).readInt32LE();
  const int64 = (): bigint => take(8).readBigInt64LE();
  const count = (): number => Number(take(8).readBigUInt64LE());
  const vector = (width: number): Buffer => take(count() * width);
  const must = (holds: boolean): void => {
    if (!holds) throw new Error('the file contradicts itself');
  };
  const codesOf = (flat: Buffer, size: number, rows: number): Uint8Array[] => {
    must(flat.length === rows * size);
    return Array.from({ length: rows }, (_, row) => flat.subarray(row * size, (row + 1) * size));
  };

  const kind = name();
  if (kind === 'IBMp' || kind === 'IBM2') {
    const dimensions = int32();
    int32();
    const rows = Number(int64());
    must(take(1)[0] <= 1);
    int32();
    const inner = index(name());
    const ids = vector(8);
    must(dimensions === inner.dimensions && rows === inner.rows && ids.length === rows * 8);
    must(inner.entries.every(({ row }) => row < BigInt(rows)));
    return { ...inner, ids: Array.from({ length: rows }, (_, row) => ids.readBigInt64LE(row * 8)) };
  }
  return index(kind);

  function index(kind: string): BinaryLayout {
    const dimensions = int32();
    const size = int32();
    const rows = Number(int64());
    const flag = take(1)[0];
    int32();
    must(dimensions > 0 && size * 8 === dimensions && rows >= 0 && flag <= 1);
    const common = { dimensions, rows, trained: flag === 1, ids: undefined };
    if (kind === 'IBxF') {
      const codes = codesOf(vector(1), size, rows);
      return { ...common, kind: 'flat', entries: codes.map((code, row) => ({ row: BigInt(row), code })) };
    }
    if (kind === 'IBHf') {
      for (const width of [8, 4, 4, 8, 4]) vector(width);
      take(20);
      const storage = index(name());
      must(storage.kind === 'flat' && storage.rows === rows && storage.dimensions === dimensions);
      return { ...common, kind: 'hnsw', entries: storage.entries };
    }
    must(kind === 'IBwF');
    const lists = count();
    count();
    must(index(name()).kind === 'flat');
    const direct = take(1)[0];
    vector(8);
    if (direct === 2) vector(16);
    must(name() === 'ilar' && count() === lists && count() === size);
    const sparse = name() === 'sprs';
    const sizes = vector(8);
    const sizeOf = new Map<number, number>();
    for (let i = 0; i < sizes.length; i += sparse ? 16 : 8) {
      const number = Number(sizes.readBigUInt64LE(i));
      if (sparse) sizeOf.set(number, Number(sizes.readBigUInt64LE(i + 8)));
      else sizeOf.set(i / 8, number);
    }
    const entries: { row: bigint; code: Uint8Array }[] = [];
    for (const [, held] of [...sizeOf].sort(([a], [b]) => a - b)) {
      const codes = codesOf(take(held * size), size, held);
      const numbers = take(held * 8);
      for (const [i, code] of codes.entries()) entries.push({ row: numbers.readBigInt64LE(i * 8), code });
    }
    must(entries.every(({ row }) => row >= 0n) && entries.length === rows);
    return { ...common, kind: 'ivf', entries };
  }
}
