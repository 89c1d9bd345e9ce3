import { outOfRange } from '@nestbit/core';
/** Packed bits as Postgres writes a bit value, `0` and `1`, most significant bit first. */
export function bitText(bits: Uint8Array): string {
  let text = '';
  for (const byte of bits) text += byte.toString(2).padStart(8, '0');
  return text;
}

/** The packed bytes of a bit value as Postgres writes it; its length must be a multiple of 8. */
export function bytesOfBitText(text: string): Uint8Array {
  if (text.length % 8 !== 0 || !/^[01]*$/.test(text))
    throw outOfRange(`${JSON.stringify(text.slice(0, 20))} (${text.length}) is no bit value of whole bytes`);
  return Uint8Array.from({ length: text.length / 8 }, (_, i) =>
    Number.parseInt(text.slice(8 * i, 8 * i + 8), 2),
  );
}
