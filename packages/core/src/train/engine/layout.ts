/** Sizes of a training, all known before it begins. */
export interface Sizes {
  /** Rows of what is trained: tokens of the table, or the rows of a linear map. */
  readonly rows: number;
  /** Values a row, also the width of the embeddings that enter the loss. */
  readonly width: number;
  /** Pairs a batch, a multiple of 8; hard negatives count as pairs whose anchor is empty. */
  readonly batch: number;
  /** Pairs of the batch that have an anchor. Default: all. */
  readonly anchors?: number;
  /** Whether only anchors look for their positives, not positives for their anchors. Default false. */
  readonly oneWay?: boolean;
  /** Ascending; the last one is `width`. */
  readonly dimensions: readonly number[];
  /** Tokens of a batch at most; 0 for a linear map. */
  readonly tokens: number;
  readonly threads: number;
}

/** Byte offsets into the shared memory; arrays are row-major. */
export interface Layout extends Sizes {
  /** int32: waiting threads, generation, phase's failure, abort, and what the leader tells the others. */
  readonly control: number;
  /** rows × width, and Adam's two moments of the same shape. */
  readonly table: number;
  readonly first: number;
  readonly second: number;
  /** int32: token ids of the batch's texts (anchors, then positives), where each text starts, its length. */
  readonly ids: number;
  readonly starts: number;
  readonly lengths: number;
  /** int32: the distinct tokens, where each one's occurrences start, the text of every occurrence. */
  readonly distinct: number;
  readonly occurrences: number;
  readonly texts: number;
  /** 2 · batch × width: embeddings, then the loss's derivatives by them. */
  readonly x: number;
  readonly d: number;
  /** width × batch: the positives, transposed. */
  readonly transposed: number;
  /** prefixes × batch × batch */
  readonly cos: number;
  readonly ex: number;
  /** prefixes × batch each */
  readonly inverseA: number;
  readonly inverseB: number;
  readonly rowSums: number;
  readonly columnSums: number;
  readonly rowDots: number;
  readonly columnDots: number;
  readonly diagonal: number;
  /** int32 prefixes; float32 prefixes */
  readonly dims: number;
  readonly weights: number;
  /** A tile of multiply, and a row's gradient, for each thread. */
  readonly scratch: number;
  readonly scratchBytes: number;
  readonly bytes: number;
}

/** Where everything lies in one memory. */
export function layoutOf(sizes: Sizes): Layout {
  // The first kibibyte is the control block.
  let next = 1024;
  const reserve = (values: number): number => {
    const at = next;
    next = Math.ceil((at + values * 4) / 64) * 64;
    return at;
  };
  const { rows, width, batch, tokens, threads } = sizes;
  const prefixes = sizes.dimensions.length;
  const scratchBytes = Math.max(batch, width) * 32 + width * 4;
  return {
    ...sizes,
    control: 0,
    table: reserve(rows * width),
    first: reserve(rows * width),
    second: reserve(rows * width),
    ids: reserve(tokens),
    starts: reserve(2 * batch + 1),
    lengths: reserve(2 * batch),
    distinct: reserve(tokens),
    occurrences: reserve(tokens + 1),
    texts: reserve(tokens),
    x: reserve(2 * batch * width),
    d: reserve(2 * batch * width),
    transposed: reserve(width * batch),
    cos: reserve(prefixes * batch * batch),
    ex: reserve(prefixes * batch * batch),
    inverseA: reserve(prefixes * batch),
    inverseB: reserve(prefixes * batch),
    rowSums: reserve(prefixes * batch),
    columnSums: reserve(prefixes * batch),
    rowDots: reserve(prefixes * batch),
    columnDots: reserve(prefixes * batch),
    diagonal: reserve(prefixes * batch),
    dims: reserve(prefixes),
    weights: reserve(prefixes),
    scratch: reserve((scratchBytes / 4) * threads),
    scratchBytes,
    bytes: next,
  };
}
