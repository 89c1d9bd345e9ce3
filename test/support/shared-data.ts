import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestContext } from 'vitest';

/** The folder of real models, texts and vectors; tests that need it say so when it is not there. */
const root: string =
  process.env['NESTBIT_DATA'] ?? join(dirname(fileURLToPath(import.meta.url)), '../../../shared/data');

export function sharedData(path: string): string {
  return join(root, path);
}

/** Skips the running test, with the reason, unless the file or folder of the shared data exists. */
export function needsSharedData(context: TestContext, path: string): string {
  const full = sharedData(path);
  context.skip(!existsSync(full), `needs ../shared/data/${path} (or NESTBIT_DATA), which is not here`);
  return full;
}
