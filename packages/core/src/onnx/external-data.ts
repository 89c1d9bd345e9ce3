import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * What an ONNX file holds before the name of an external data file: the protobuf entry
 * `{ key: 'location', value: … }` of a TensorProto (onnx.proto, field external_data), in tensors of any
 * depth.
 */
const MARKER = Buffer.from('\x0a\x08location\x12');
/** Longest entry looked for, in bytes; it must lie whole in what is searched. */
const ENTRY_BYTES = 4096;

/** Finds the external data files of an ONNX file while it is read chunk by chunk. */
export class ExternalData {
  readonly #locations = new Set<string>();
  #rest: Buffer = Buffer.alloc(0);

  add(chunk: Buffer): void {
    const bytes = Buffer.concat([this.#rest, chunk]);
    for (let at = bytes.indexOf(MARKER); at >= 0; at = bytes.indexOf(MARKER, at + 1)) {
      const location = textAt(bytes, at + MARKER.length);
      if (location !== undefined) this.#locations.add(location);
    }
    this.#rest = bytes.subarray(-ENTRY_BYTES);
  }

  /** The names found, sorted. */
  get locations(): string[] {
    return [...this.#locations].sort();
  }

  /** Paths of those that exist, in the folder of the model, where onnxruntime looks for them. */
  files(onnxPath: string): string[] {
    return this.locations
      .map((location) => resolve(dirname(onnxPath), location))
      .filter((path) => existsSync(path));
  }
}

/** A protobuf text: its length as a varint (two bytes reach 16 383), then its bytes. */
function textAt(bytes: Buffer, at: number): string | undefined {
  const wide = (bytes[at] ?? 0) > 127;
  const length = wide ? (bytes[at] & 127) + ((bytes[at + 1] ?? 0) << 7) : (bytes[at] ?? 0);
  const start = at + (wide ? 2 : 1);
  return length === 0 || start + length > bytes.length
    ? undefined
    : bytes.toString('utf8', start, start + length);
}
