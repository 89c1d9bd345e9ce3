export type { EncodedBatch } from './encode-stream.ts';
export { type EncodeOptions, Encoder } from './encoder.ts';
export type { Pooling, TokenPooling } from './model/pooling-config.ts';
export type { EncoderOptions } from './settings.ts';
