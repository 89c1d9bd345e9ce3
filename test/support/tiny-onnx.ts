/** The words of the tiny model's table, by id. */
export const WORDS: readonly string[] = [
  ...['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'red', 'green', 'blue', 'small', 'big', 'cat', 'dog'],
  ...['query', 'passage', ':', '##s', 'fish'],
];
export const DIMENSIONS = 8;

export interface TinyOnnx {
  /**
   * What sentence_embedding is: the maximum (unlike the default pooling done outside), the last position's vector, or
   * absent.
   */
  readonly pooled?: 'max' | 'last' | 'none';
  /** Name of the external data file that holds the table; default: the model holds it itself. */
  readonly data?: string;
  /** Type of the inputs of whole numbers. */
  readonly ids?: 'int64' | 'int32';
  /** Name of the token vectors' output. */
  readonly hidden?: string;
  /** Name of the pooled output. */
  readonly pooledName?: string;
  /** Further inputs: a task, whose number is added to every value; a cache of two heads of four values. */
  readonly also?: readonly ('task_id' | 'task_id_list' | 'past' | 'past_unsized')[];
}

/** words × dimensions */
export function tinyTable(): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: WORDS.length * DIMENSIONS }, (_, at) => Math.sin(at * at + 1));
}

/** An ONNX model: last_hidden_state is the rows of the tokens in a table, sentence_embedding made of them. */
export function tinyOnnx(options: TinyOnnx = {}): Buffer {
  const { pooled = 'max', data, ids = 'int64', also = [] } = options;
  const { hidden = 'last_hidden_state', pooledName = 'sentence_embedding' } = options;
  const weights: Field =
    data === undefined ? [9, Buffer.from(tinyTable().buffer)] : [13, entry('location', data)];
  const rows = also.length === 0 ? hidden : 'rows';
  return message([
    [1, 8], // ir_version
    [
      8,
      [
        [1, ''],
        [2, 13],
      ],
    ], // opset
    [
      7, // graph
      [
        node('Gather', ['table', 'input_ids'], rows),
        ...also.flatMap((input, i) =>
          shifted(
            input,
            i === 0 ? 'rows' : `shifted${i}`,
            i === also.length - 1 ? hidden : `shifted${i + 1}`,
          ),
        ),
        ...(pooled === 'max'
          ? [node('ReduceMax', [hidden], pooledName, [integers('axes', 1), integer('keepdims', 0)])]
          : []),
        ...(pooled === 'last' ? [node('Gather', [hidden, 'last'], pooledName, [integer('axis', 1)])] : []),
        [2, 'tiny'],
        // Field 14 tells that the table lies outside.
        [
          5,
          [
            [1, WORDS.length],
            [1, DIMENSIONS],
            [2, FLOAT],
            [8, 'table'],
            weights,
            ...(data === undefined ? [] : [[14, 1] as Field]),
          ],
        ],
        ...(pooled === 'last' ? [scalar('last', -1n)] : []),
        ...(also.some((input) => input.startsWith('past')) ? [scalar('two', 2n)] : []),
        ...['input_ids', 'attention_mask', 'token_type_ids'].map(
          (name): Field => [11, value(name, ids === 'int64' ? INT64 : INT32, ['batch', 'length'])],
        ),
        ...also.map((input): Field => [11, alsoInput(input, ids === 'int64' ? INT64 : INT32)]),
        [12, value(hidden, FLOAT, ['batch', 'length', DIMENSIONS])],
        ...(pooled === 'none' ? [] : [[12, value(pooledName, FLOAT, ['batch', DIMENSIONS])] as Field]),
      ],
    ],
  ]);
}

/** A field of a protobuf message: its number and text, bytes, fields of its own, or a whole number. */
type Field = [number, string | Uint8Array | number | Field[]];

const FLOAT = 1;
const INT32 = 6;
const INT64 = 7;

/** Adds a further input's number to all values, so that a wrong one shows: the task, or the length of the cache. */
function shifted(input: string, from: string, to: string): Field[] {
  const number = input.startsWith('past') ? `${input}_length` : 'task_id';
  return [
    ...(input.startsWith('past')
      ? [
          node('Shape', [PAST], `${input}_shape`),
          node('Gather', [`${input}_shape`, 'two'], `${input}_length`, [integer('axis', 0)]),
        ]
      : []),
    node('Cast', [number], `${input}_float`, [integer('to', FLOAT)]),
    node('Add', [from, `${input}_float`], to),
  ];
}

const PAST = 'past_key_values.0.key';

function alsoInput(input: string, type: number): Field[] {
  if (input === 'task_id') return value(input, type, []);
  if (input === 'task_id_list') return value('task_id', type, [1]);
  const sized = input === 'past';
  return value(PAST, FLOAT, ['batch', sized ? 2 : 'heads', 'past_length', sized ? 4 : 'width']);
}

function node(
  type: string,
  inputs: readonly string[],
  output: string,
  attributes: readonly Field[] = [],
): Field {
  return [1, [...inputs.map((name): Field => [1, name]), [2, output], [4, type], ...attributes]];
}

function integer(name: string, number: number): Field {
  return [
    5,
    [
      [1, name],
      [3, number],
      [20, 2],
    ],
  ];
}

function integers(name: string, number: number): Field {
  return [
    5,
    [
      [1, name],
      [8, number],
      [20, 7],
    ],
  ];
}

function scalar(name: string, number: bigint): Field {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(number);
  return [
    5,
    [
      [2, INT64],
      [8, name],
      [9, bytes],
    ],
  ];
}

function value(name: string, type: number, axes: readonly (string | number)[]): Field[] {
  const shape = axes.map((axis): Field => [1, [typeof axis === 'number' ? [1, axis] : [2, axis]]]);
  return [
    [1, name],
    [
      2,
      [
        [
          1,
          [
            [1, type],
            [2, shape],
          ],
        ],
      ],
    ],
  ];
}

function entry(key: string, text: string): Field[] {
  return [
    [1, key],
    [2, text],
  ];
}

function message(fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.map(([field, content]) => {
      if (typeof content === 'number') return Buffer.concat([varint(field << 3), varint(content)]);
      const body = Array.isArray(content) ? message(content) : Buffer.from(content as string);
      return Buffer.concat([varint((field << 3) | 2), varint(body.length), body]);
    }),
  );
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}
