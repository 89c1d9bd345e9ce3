// What users of `pg`, drizzle, kysely and raw SQL need for bit columns: packed bytes in both directions.
export { bitParameter, packedBits } from '../codes/wire.ts';
export { bitText, bytesOfBitText } from './text.ts';
export { registerTypes } from './types.ts';
