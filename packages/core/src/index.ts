export { quantizeBits, toSignedBits, unpackBits } from './codec/bits.ts';
export {
  Calibration,
  type CalibrationOptions,
  type CalibrationTotals,
  type CodecOptions,
  calibrate,
} from './codec/calibration.ts';
export { Codec } from './codec/codec.ts';
export { formatCodec, parseCodec } from './codec/codec-file.ts';
export {
  dequantizeInt8,
  type Int8Profile,
  int8Steps,
  quantizeInt8,
  quantizeUint8,
  type Ranges,
} from './codec/int8.ts';
export { refineScore, refineTable } from './codec/refine.ts';
export { rescoreScore } from './codec/rescore.ts';
export { hadamard, type Rotation, rotate } from './codec/rotation.ts';
export { SaturationCounter } from './codec/saturation.ts';
export type { CodecSettings } from './codec/settings.ts';
export { truncate } from './codec/truncate.ts';
export type { Codes, Id, PreparedQuery } from './codec/types.ts';
export { NestbitError, type NestbitErrorCode, throwIfAborted } from './errors.ts';
