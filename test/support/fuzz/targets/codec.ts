import { readFileSync } from 'node:fs';
import { calibrate, formatCodec, parseCodec } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { expectAnswer, type FuzzTarget } from '../target.ts';

let whole: ReadonlySet<string> = new Set();

/** codec.json of every version: what is accepted is what was written. */
export const codec: FuzzTarget = {
  name: 'codec',
  text: true,
  file: 'codec.json',
  async seeds() {
    const calibration = await calibrate([clusteredVectors(600, 16, 4)], {
      inputDimensions: 16,
      dimensions: 8,
    });
    const texts = [
      calibration.codec(),
      calibration.codec({ copy: 'int8' }),
      calibration.codec({ rotation: 'none', center: 'none', model: 'nestbit-en' }),
    ].map(formatCodec);
    whole = new Set(texts);
    return texts.map((text) => Buffer.from(text));
  },
  async read(path) {
    const read = parseCodec(readFileSync(path, 'utf8'));
    expectAnswer(whole.has(formatCodec(read)), `a codec that nobody wrote, ${read.fingerprint}`);
  },
};
