import onnxProto from 'onnx-proto';
import type { StoredTable } from './table.ts';

const { onnx } = onnxProto;
const { DataType } = onnx.TensorProto;
/** ONNX 1.12: what onnxruntime reads since 2022. */
const OPSET = 17;
const IR_VERSION = 8;

/**
 * The ONNX file of a static embedding model: rows of a table by token id, their mean over the attention mask, length 1.
 * Inputs `input_ids` and `attention_mask`, int64 (batch, tokens); outputs `last_hidden_state`, float32 (batch, tokens,
 * width), of which mean pooling makes the embedding, and `sentence_embedding`, float32 (batch, width), of length 1.
 */
export function onnxFile(table: StoredTable, vocabulary: number, width: number): Uint8Array {
  const initializers = [
    tensor(
      'table',
      table.type === 'int8' ? DataType.INT8 : DataType.FLOAT16,
      [vocabulary, width],
      table.values,
    ),
    integers('tokens_axis', [1]),
    integers('last_axis', [-1]),
    floats('least', [], [1e-12]),
    ...(table.type === 'int8' ? [floats('scales', [vocabulary, 1], table.scales)] : []),
  ];
  const nodes = [
    node('Gather', ['table', 'input_ids'], 'stored', { axis: 0 }),
    ...(table.type === 'int8'
      ? [
          node('Cast', ['stored'], 'codes', { to: DataType.FLOAT }),
          node('Gather', ['scales', 'input_ids'], 'row_scales', { axis: 0 }),
          node('Mul', ['codes', 'row_scales'], 'last_hidden_state'),
        ]
      : [node('Cast', ['stored'], 'last_hidden_state', { to: DataType.FLOAT })]),
    node('Cast', ['attention_mask'], 'mask', { to: DataType.FLOAT }),
    node('Unsqueeze', ['mask', 'last_axis'], 'mask_column'),
    node('Mul', ['last_hidden_state', 'mask_column'], 'masked'),
    node('ReduceSum', ['masked', 'tokens_axis'], 'sum', { keepdims: 0 }),
    // The mean and the sum have the same direction.
    node('ReduceL2', ['sum'], 'norm', { axes: [1], keepdims: 1 }),
    node('Max', ['norm', 'least'], 'length'),
    node('Div', ['sum', 'length'], 'sentence_embedding'),
  ];
  const model = onnx.ModelProto.create({
    irVersion: IR_VERSION,
    producerName: 'nestbit',
    opsetImport: [{ domain: '', version: OPSET }],
    graph: {
      name: 'static_embedding',
      node: nodes,
      initializer: initializers,
      input: [
        value('input_ids', DataType.INT64, ['batch', 'tokens']),
        value('attention_mask', DataType.INT64, ['batch', 'tokens']),
      ],
      output: [
        value('last_hidden_state', DataType.FLOAT, ['batch', 'tokens', width]),
        value('sentence_embedding', DataType.FLOAT, ['batch', width]),
      ],
    },
  });
  return onnx.ModelProto.encode(model).finish();
}

type Attributes = Readonly<Record<string, number | readonly number[]>>;

function node(
  opType: string,
  input: string[],
  output: string,
  attributes: Attributes = {},
): onnxProto.onnx.INodeProto {
  const { INT, INTS } = onnx.AttributeProto.AttributeType;
  return {
    opType,
    name: output,
    input,
    output: [output],
    attribute: Object.entries(attributes).map(([name, given]) =>
      typeof given === 'number' ? { name, type: INT, i: given } : { name, type: INTS, ints: [...given] },
    ),
  };
}

function tensor(
  name: string,
  dataType: number,
  dims: number[],
  rawData: Uint8Array,
): onnxProto.onnx.ITensorProto {
  return { name, dataType, dims, rawData };
}

function integers(name: string, values: number[]): onnxProto.onnx.ITensorProto {
  const { buffer } = BigInt64Array.from(values, BigInt);
  return tensor(name, DataType.INT64, [values.length], new Uint8Array(buffer));
}

function floats(name: string, dims: number[], values: ArrayLike<number>): onnxProto.onnx.ITensorProto {
  const { buffer } = Float32Array.from(values);
  return tensor(name, DataType.FLOAT, dims, new Uint8Array(buffer));
}

function value(name: string, elemType: number, shape: (string | number)[]): onnxProto.onnx.IValueInfoProto {
  const dim = shape.map((size) => (typeof size === 'string' ? { dimParam: size } : { dimValue: size }));
  return { name, type: { tensorType: { elemType, shape: { dim } } } };
}
