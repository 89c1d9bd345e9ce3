import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestbitError } from '@nestbit/core';
import { afterAll } from 'vitest';

/** A folder of its own for the tests of a file, removed after them. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nestbit-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** What a promise is refused with, as `CODE: message`; any other error is thrown on. */
export async function refusal(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    // By name: tests of internals run beside the built package, which has a class of its own.
    if (error instanceof Error && error.name === 'NestbitError')
      return `${(error as NestbitError).code}: ${error.message}`;
    throw error;
  }
  return 'accepted';
}

export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of source) all.push(item);
  return all;
}
