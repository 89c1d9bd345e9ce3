export type { EncodedBatch } from './encode-stream.ts';
export { type EncodeOptions, Encoder } from './encoder.ts';
export type { Pooling } from './model-folder.ts';
export type { EncoderOptions } from './settings.ts';
