import { NestbitError } from '@nestbit/core';

/** Which fields of a record hold what. */
export interface FieldOptions {
  readonly vectorField?: string;
  readonly idField?: string;
}

/** A record with its parts told apart. */
export interface VectorRecord {
  readonly id: unknown;
  readonly vector: ArrayLike<number>;
  readonly payload: Record<string, unknown>;
}

type Fields = Record<string, unknown>;

/**
 * Tells vector, id and payload of one record: `embedding` or `vector` beside other fields, Pinecone's `values` and
 * `metadata`, Qdrant's `vector` and `payload`, a line of an OpenAI batch, text of an array as pandas writes it, and
 * base64 of little-endian float32.
 *
 * @param where the record stands, for messages
 */
export function readShape(record: Fields, options: FieldOptions, where: string): VectorRecord {
  const { embedding: one, id: batched } = openAiLine(record, where);
  if (one !== undefined) return { id: batched, vector: vectorOf(one, where), payload: {} };
  const names = options.vectorField === undefined ? ['embedding', 'vector', 'values'] : [options.vectorField];
  const name = names.find((field) => record[field] !== undefined && record[field] !== null);
  if (name === undefined)
    throw invalid(
      where,
      `there is no ${names.join(', ')} among its fields (${Object.keys(record).join(', ')}); name the field with --vector-field`,
    );
  const idName = options.idField ?? ('id' in record ? 'id' : '_id');
  if (options.idField !== undefined && !(idName in record))
    throw invalid(where, `there is no ${idName}, which --id-field names`);
  const { [name]: value, [idName]: id, ...rest } = record;
  return { id, vector: vectorOf(value, where), payload: payloadOf(name, rest) };
}

/** The records of a JSON document: an array, or the answers of services that hold one. */
export function recordsOfDocument(document: unknown, path: string): Fields[] {
  const { vectors, points, result, data, embeddings } = (document ?? {}) as Fields;
  const inner = (result as Fields | undefined)?.points;
  const lists = [
    document,
    vectors,
    points,
    inner,
    result,
    data,
    embeddings,
    (embeddings as Fields | undefined)?.float,
  ];
  const list = lists.find(Array.isArray) as unknown[] | undefined;
  if (list === undefined && typeof embeddings === 'object' && embeddings !== null)
    throw invalid(
      path,
      `it holds embeddings as ${Object.keys(embeddings).join(', ')}, which are codes; ask the service for floats`,
    );
  if (list === undefined)
    throw invalid(path, 'it is neither an array nor an answer with vectors, points, data or embeddings');
  return list.map((item, row) => {
    // Rows of numbers alone have neither ids nor payloads.
    if (Array.isArray(item)) return { vector: item };
    if (typeof item !== 'object' || item === null)
      throw invalid(`${path}, record ${row}`, 'it is not an object');
    if (list !== data) return item as Fields;
    const { object: _object, index: _index, ...rest } = item as Fields;
    return rest;
  });
}

function openAiLine(record: Fields, where: string): { embedding?: unknown; id?: unknown } {
  const body = (record.response as Fields | undefined)?.body as Fields | undefined;
  if (record.custom_id === undefined || !Array.isArray(body?.data)) return {};
  if (body.data.length !== 1)
    throw invalid(where, `its answer holds ${body.data.length} embeddings; give each request one input`);
  return { embedding: (body.data[0] as Fields).embedding, id: record.custom_id };
}

function payloadOf(vector: string, rest: Fields): Fields {
  const names = Object.keys(rest);
  const isObject = (value: unknown): value is Fields =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  if (vector === 'values' && isObject(rest.metadata)) return rest.metadata;
  return names.length === 1 && names[0] === 'payload' && isObject(rest.payload) ? rest.payload : rest;
}

function vectorOf(value: unknown, where: string): ArrayLike<number> {
  if (typeof value === 'string') return textVector(value, where);
  const list = (value as { toArray?: () => unknown } | null)?.toArray?.() ?? value;
  if (!Array.isArray(list) && !ArrayBuffer.isView(list))
    throw invalid(where, 'its vector is not an array of numbers');
  const values = list as unknown as ArrayLike<unknown>;
  for (let i = 0; i < values.length; i++)
    if (typeof values[i] !== 'number') throw invalid(where, `value ${i} of its vector is not a number`);
  return values as ArrayLike<number>;
}

function textVector(text: string, where: string): ArrayLike<number> {
  const trimmed = text.trim();
  if (trimmed.startsWith('[')) {
    // numpy prints spaces where JSON wants commas.
    const json = trimmed.includes(',')
      ? trimmed
      : trimmed.replace(/(?<=[\d.])\s+(?=[-\d.])/g, ',').replace(/\.(?=[,\]\s])/g, '');
    try {
      return vectorOf(JSON.parse(json), where);
    } catch (cause) {
      if (cause instanceof NestbitError) throw cause;
      throw invalid(where, 'its vector is text that is not an array of numbers');
    }
  }
  const bytes = Buffer.from(trimmed, 'base64');
  if (bytes.length === 0 || bytes.length % 4 !== 0 || bytes.toString('base64') !== trimmed)
    throw invalid(where, 'its vector is text that is neither an array of numbers nor base64 of float32');
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
}

function invalid(where: string, what: string): NestbitError {
  return new NestbitError('DATASET_INVALID', `${where}: ${what}.`);
}
