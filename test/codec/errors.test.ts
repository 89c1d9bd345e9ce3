import { NestbitError } from '@nestbit/core';
import { expect, test } from 'vitest';

test('a NestbitError keeps its code and cause', () => {
  const cause = new Error('below');
  const error = new NestbitError('USAGE', 'message', { cause });
  expect(error).toMatchObject({ name: 'NestbitError', code: 'USAGE', cause });
});
