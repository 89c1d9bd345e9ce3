import { fileURLToPath } from 'node:url';

/** The model's folder, for `Encoder.open`: 256 dimensions, to be cut to 128, 64 or 32 as well. */
export const modelFolder: string = fileURLToPath(new URL('../model', import.meta.url));
