// Embeddings to codes: 4096 bytes of float32 become 64 bytes of bits, two of scalars, and 520 of an int8 copy.
import { calibrate, formatCodec, parseCodec } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';

const embeddings = clusteredVectors(5000, 1024); // yours: rows × 1024, row-major

// Calibration looks at a sample once. The codec it gives is what makes codes comparable: keep it.
const calibration = await calibrate([embeddings], { inputDimensions: 1024, dimensions: 512 });
const codec = calibration.codec({ model: 'my-model' });
const saved = formatCodec(codec);

const { rows } = parseCodec(saved).encode(embeddings);
const { float32, bits, scalars, copy } = codec.bytesPerRow;
console.log(`codec ${codec.fingerprint.slice(0, 12)}: ${rows} rows`);
console.log(`float32 ${float32} bytes a row, int8 copy ${copy}, bits ${bits}, scalars ${scalars}`);
