import { constants, isUtf8 } from 'node:buffer';

/** Bytes of a line at most, unless told: the longest string that V8 makes. */
export const LONGEST_LINE: number = constants.MAX_STRING_LENGTH;

const NEWLINE = 0x0a;
const BYTE_ORDER_MARK = /^\uFEFF/;

/** A line of a text file without its end. */
export interface TextLine {
  /** Counted from 1. */
  readonly line: number;
  readonly text: string;
}

/**
 * The lines of UTF-8 text. A line ends at 0x0A and nowhere else (a 0x0D before it stays), so that numbers of lines are
 * those of other tools; a byte order mark is left out.
 *
 * @param refused makes the error for a line that is too long or is not UTF-8
 * @param longest bytes of a line at most
 */
export async function* readLines(
  source: AsyncIterable<Uint8Array>,
  refused: (line: number, what: string) => Error,
  longest: number = LONGEST_LINE,
): AsyncGenerator<TextLine> {
  let parts: Uint8Array[] = [];
  let length = 0;
  let line = 0;
  const keep = (part: Uint8Array): void => {
    length += part.length;
    if (length > longest) throw refused(line + 1, `it is longer than ${longest} bytes`);
    if (part.length > 0) parts.push(part);
  };
  const take = (): TextLine => {
    line++;
    const bytes =
      parts.length === 1 ? Buffer.from(parts[0].buffer, parts[0].byteOffset, length) : Buffer.concat(parts);
    parts = [];
    length = 0;
    if (!isUtf8(bytes)) throw refused(line, 'it is not valid UTF-8');
    const text = bytes.toString('utf8');
    return { line, text: line === 1 ? text.replace(BYTE_ORDER_MARK, '') : text };
  };
  for await (const chunk of source) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      keep(chunk.subarray(start, end));
      yield take();
      start = end + 1;
    }
    keep(chunk.subarray(start));
  }
  if (length > 0) yield take();
}
