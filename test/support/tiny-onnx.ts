/** The words of the tiny model's table, by id. */
export const WORDS: readonly string[] = [
  ...['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'red', 'green', 'blue', 'small', 'big', 'cat', 'dog'],
  ...['query', 'passage', ':', '##s', 'fish'],
];
export const DIMENSIONS = 8;

export interface TinyOnnx {
  /** What sentence_embedding is: the maximum (unlike any pooling done outside) or the last position's vector. */
  readonly pooled?: 'max' | 'last';
  /** Name of the external data file that holds the table; default: the model holds it itself. */
  readonly data?: string;
}

/** words × dimensions */
export function tinyTable(): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: WORDS.length * DIMENSIONS }, (_, at) => Math.sin(at * at + 1));
}

/** An ONNX model: last_hidden_state is the rows of the tokens in a table, sentence_embedding made of them. */
export function tinyOnnx({ pooled = 'max', data }: TinyOnnx = {}): Buffer {
  const weights: Field =
    data === undefined ? [9, Buffer.from(tinyTable().buffer)] : [13, entry('location', data)];
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
        [
          1,
          [
            [1, 'table'],
            [1, 'input_ids'],
            [2, 'last_hidden_state'],
            [4, 'Gather'],
          ],
        ],
        [1, pooled === 'max' ? MAX : LAST],
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
        ...(pooled === 'max'
          ? []
          : [
              [
                5,
                [
                  [2, INT64],
                  [8, 'last'],
                  [9, Buffer.alloc(8, 255)],
                ],
              ] as Field,
            ]),
        ...['input_ids', 'attention_mask', 'token_type_ids'].map(
          (name): Field => [11, value(name, INT64, ['batch', 'length'])],
        ),
        [12, value('last_hidden_state', FLOAT, ['batch', 'length', DIMENSIONS])],
        [12, value('sentence_embedding', FLOAT, ['batch', DIMENSIONS])],
      ],
    ],
  ]);
}

/** A field of a protobuf message: its number and text, bytes, fields of its own, or a whole number. */
type Field = [number, string | Uint8Array | number | Field[]];

const FLOAT = 1;
const INT64 = 7;
const MAX: Field[] = [
  ...([
    [1, 'last_hidden_state'],
    [2, 'sentence_embedding'],
    [4, 'ReduceMax'],
  ] as Field[]),
  [
    5,
    [
      [1, 'axes'],
      [8, 1],
      [20, 7],
    ],
  ],
  [
    5,
    [
      [1, 'keepdims'],
      [3, 0],
      [20, 2],
    ],
  ],
];
const LAST: Field[] = [
  ...([
    [1, 'last_hidden_state'],
    [1, 'last'],
    [2, 'sentence_embedding'],
    [4, 'Gather'],
  ] as Field[]),
  [
    5,
    [
      [1, 'axis'],
      [3, 1],
      [20, 2],
    ],
  ],
];

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
