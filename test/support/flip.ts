import { open } from 'node:fs/promises';

/** Flips one bit of the byte at an offset of a file. */
export async function flip(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+');
  const byte = new Uint8Array(1);
  await file.read(byte, 0, 1, at);
  byte[0] ^= 1 << (at % 8);
  await file.write(byte, 0, 1, at);
  await file.close();
}
