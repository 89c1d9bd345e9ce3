import { absolute, squared } from './sums';

// @ts-ignore: decorator
@inline
function coarse(units: f64, first: f64, from: f64, step: f64): u8 {
  return <u8>min(255, first + floor((units - from) / step + 0.5));
}

// The code of some units; definition: scalarCode in src/codec/scalars.ts.
function scalarCode(units: f64): u8 {
  if (units <= 192) return <u8>floor(units + 0.5);
  if (units <= 256) return coarse(units, 192, 192, 4);
  if (units <= 512) return coarse(units, 208, 256, 16);
  if (units <= 2560) return coarse(units, 224, 512, 128);
  if (units <= 18944) return coarse(units, 240, 2560, 1024);
  return 255;
}

// Writes the codes of f and r of the row that `sumRow` has seen last.
export function scalarsRow(out: usize, fScale: f64, rScale: f64): void {
  const ratio = absolute == 0 ? 0 : squared / absolute;
  store<u8>(out, scalarCode(ratio * fScale));
  store<u8>(out, scalarCode(sqrt(squared) * rScale), 1);
}
