export { type EncodedBatch, type EncodeOptions, Encoder, type EncoderOptions } from './encoder.ts';
export type { Pooling } from './model-folder.ts';
