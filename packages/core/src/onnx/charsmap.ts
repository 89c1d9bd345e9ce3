/** Longest grapheme, in bytes of UTF-8, that is looked up as a whole. */
const GRAPHEME_BYTES = 6;

/** Printable ASCII that no mark can join: the last character before others is left to the segmenter. */
const PLAIN = /[\x20-\x7e]+(?=[\x20-\x7e]|$)/g;

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
const encoder = new TextEncoder();

/**
 * The character map of a SentencePiece model, as Hugging Face's tokenizers apply it (the crate spm_precompiled): a
 * double-array trie (Darts) over UTF-8 whose values are places in a text of replacements, each ended by NUL. Graphemes
 * are looked up, then their characters; what has no entry stays.
 */
export class Charsmap {
  readonly #trie: Uint32Array;
  readonly #replacements: Buffer;
  readonly #known = new Map<string, string | undefined>();
  /** Whether printable ASCII stays as it is. */
  readonly #plainStays: boolean;

  /** @param base64 `precompiled_charsmap` of a tokenizer.json */
  constructor(base64: string) {
    const bytes = Buffer.from(base64, 'base64');
    const size = bytes.length < 4 ? -1 : bytes.readUInt32LE(0);
    if (size < 4 || size % 4 !== 0 || 4 + size > bytes.length)
      throw new Error(`its precompiled_charsmap of ${bytes.length} bytes has no trie`);
    this.#trie = Uint32Array.from({ length: size / 4 }, (_, i) => bytes.readUInt32LE(4 + 4 * i));
    this.#replacements = bytes.subarray(4 + size);
    this.#plainStays = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).every(
      (character) => {
        const mapped = this.#lookUp(character);
        return mapped === undefined || mapped === character;
      },
    );
  }

  normalize(text: string): string {
    if (!this.#plainStays) return this.#segments(text);
    let out = '';
    let end = 0;
    for (const match of text.matchAll(PLAIN)) {
      out += this.#segments(text.slice(end, match.index)) + match[0];
      end = match.index + match[0].length;
    }
    return out + this.#segments(text.slice(end));
  }

  #segments(text: string): string {
    let out = '';
    for (const { segment } of text === '' ? [] : segmenter.segment(text)) {
      const whole = Buffer.byteLength(segment) < GRAPHEME_BYTES ? this.#replacement(segment) : undefined;
      if (whole !== undefined) out += whole;
      else for (const character of segment) out += this.#replacement(character) ?? character;
    }
    return out;
  }

  #replacement(chunk: string): string | undefined {
    if (!this.#known.has(chunk)) this.#known.set(chunk, this.#lookUp(chunk));
    return this.#known.get(chunk);
  }

  /** The replacement of the shortest beginning that has one. */
  #lookUp(chunk: string): string | undefined {
    let at = offsetOf(this.#trie[0]);
    for (const byte of encoder.encode(chunk)) {
      if (byte === 0) return undefined;
      at ^= byte;
      const unit = this.#trie[at] ?? 0;
      if ((unit & 0x8000_00ff) !== byte) return undefined;
      at ^= offsetOf(unit);
      if (((unit >>> 8) & 1) === 0) continue;
      const start = (this.#trie[at] ?? 0) & 0x7fff_ffff;
      const end = this.#replacements.indexOf(0, start);
      return this.#replacements.toString('utf8', start, end < 0 ? undefined : end);
    }
    return undefined;
  }
}

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}
