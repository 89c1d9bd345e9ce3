import { join } from 'node:path';
import { openNpy } from '@nestbit/core';
import { expect, onTestFinished, test } from 'vitest';
import { refusal } from '../support/files.ts';
import { needsSharedData } from '../support/shared-data.ts';
import { sameBytes } from '../support/vectors.ts';

/** Files numpy wrote, or nearly: the array each must give, or the refusal. */
const accepted: Record<string, string> = {
  fortran_f4: 'plain_f4',
  big_endian_f4: 'plain_f4',
  big_endian_f8: 'plain_f4',
  double_quotes: 'plain_f4',
  f2: 'expected/f2.as_f4',
  f8: 'expected/f8.as_f4',
  f8_narrowing: 'expected/f8_narrowing.as_f4',
  native_eq_f4: 'plain_f4',
  reordered_header: 'plain_f4',
  shape_L_suffix: 'plain_f4',
  trailing_bytes: 'plain_f4',
  unaligned_header: 'plain_f4',
  version2_f4: 'plain_f4',
  version3_f4: 'plain_f4',
};
const refused: Record<string, RegExp> = {
  bad_magic: /^NPY_INVALID: .*magic/,
  big_endian_i4: /^NPY_UNSUPPORTED: .*>i4/,
  bool: /^NPY_UNSUPPORTED: .*\|b1/,
  c8_complex: /^NPY_UNSUPPORTED/,
  empty_0_f4: /^NPY_INVALID: .*no dimensions/,
  empty_5x0_f4: /^NPY_INVALID: .*no dimensions/,
  extra_key: /^NPY_INVALID: .*keys/,
  float_shape: /^NPY_INVALID: .*whole numbers/,
  fortran_int: /^NPY_INVALID: .*fortran_order/,
  garbage_header: /^NPY_INVALID/,
  header_code: /^NPY_INVALID/,
  header_len_past_end: /^NPY_INVALID: .*60000/,
  huge_shape: /^NPY_INVALID: .*needs/,
  i1: /^NPY_UNSUPPORTED: .*int8/,
  i8: /^NPY_UNSUPPORTED: .*int64/,
  missing_shape: /^NPY_INVALID: .*keys/,
  negative_shape: /^NPY_INVALID: .*whole numbers/,
  npz_renamed: /^NPY_INVALID: .*zip/,
  object_pickle: /^NPY_UNSUPPORTED/,
  overflow_shape: /^NPY_INVALID: .*larger than any file/,
  scalar_f4: /^NPY_UNSUPPORTED: .*no matrix/,
  str_U3: /^NPY_UNSUPPORTED/,
  structured: /^NPY_UNSUPPORTED/,
  threed_f4: /^NPY_UNSUPPORTED: .*no matrix/,
  truncated_data: /^NPY_INVALID: .*needs 160 bytes/,
  truncated_header: /^NPY_INVALID: .*118 bytes/,
  truncated_magic: /^NPY_INVALID/,
  u1: /^NPY_UNSUPPORTED: .*uint8/,
  unknown_dtype: /^NPY_UNSUPPORTED/,
  version9: /^NPY_INVALID: .*9/,
  zero_bytes: /^NPY_INVALID: .*empty/,
};

async function read(folder: string, name: string): Promise<Float32Array> {
  const file = await openNpy(join(folder, `${name}.npy`));
  try {
    return await file.readRows(0, file.rows);
  } finally {
    await file.close();
  }
}

for (const [name, same] of Object.entries(accepted)) {
  test(`${name}.npy gives the values of ${same}.npy`, async (context) => {
    const folder = needsSharedData(context, 'golden/npy-edge');
    expect(sameBytes(await read(folder, name), await read(folder, same))).toBe(true);
  });
}

for (const [name, expected] of Object.entries(refused)) {
  test(`${name}.npy is refused as vectors`, async (context) => {
    const folder = needsSharedData(context, 'golden/npy-edge');
    expect(await refusal(() => read(folder, name))).toMatch(expected);
  });
}

test('codes, ids, one vector and no rows are read as what they are', async (context) => {
  const folder = needsSharedData(context, 'golden/npy-edge');
  const opened: Awaited<ReturnType<typeof openNpy>>[] = [];
  onTestFinished(async () => {
    for (const file of opened) await file.close();
  });
  const open = async (name: string) => {
    const file = await openNpy(join(folder, `${name}.npy`));
    opened.push(file);
    return file;
  };
  expect(await (await open('i1')).readCodes()).toBeInstanceOf(Int8Array);
  expect(await (await open('u1')).readCodes()).toBeInstanceOf(Uint8Array);
  expect(await refusal(async () => (await open('plain_f4')).readCodes())).toMatch(/^NPY_UNSUPPORTED/);
  const one = await open('oned_f4');
  expect([one.rows, one.dimensions]).toEqual([1, 8]);
  const none = await open('empty_0x8_f4');
  expect([none.rows, none.dimensions]).toEqual([0, 8]);
  for await (const batch of none.vectors()) expect.unreachable(`${batch.rows} rows`);
});
