import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, type TestContext, test } from 'vitest';
import { needsSharedData } from '../support/shared-data.ts';

const folder = fileURLToPath(new URL('../../examples/src', import.meta.url));
const workers = new URL('../support/ts-workers.js', import.meta.url).href;

/** What each program must print, and what it is given. */
const programs: Record<string, { prints: RegExp; arguments?: (context: TestContext) => string[] }> = {
  'encode-text.ts': {
    prints: /^0\.\d+ Rinse the burn/,
    arguments: (context) => [needsSharedData(context, 'models/static-mrl-en-384-b')],
  },
  'evaluate.ts': { prints: /768 dimensions, 96 bytes of bits\n +hamming +200 (1\.000|0\.99\d)/ },
  'postgres-drizzle.ts': { prints: /^42 0\n[\s\S]*the same bytes: true\n$/ },
  'postgres-kysely.ts': { prints: /^42 0\n[\s\S]*the same bytes: true\n$/ },
  'postgres-sql.ts': { prints: /^42 0\n[\s\S]*the same bytes: true\n$/ },
  'postgres-store.ts': {
    prints: /^42 1\.000 \{"year":2017,"title":"Article 42"\}\n[\s\S]*hnsw: a valid hnsw index\n$/,
  },
  'quantize.ts': { prints: /float32 4096 bytes a row, int8 512, bits 64/ },
  'search.ts': { prints: /^42n 1\.000 \{"lang":"en","year":2002\}/ },
};

test('every example has its expectation here', () => {
  expect(readdirSync(folder).sort()).toEqual(Object.keys(programs).sort());
});

for (const [name, program] of Object.entries(programs)) {
  test(`example ${name} runs and prints what it promises`, async (context) => {
    const given = program.arguments?.(context) ?? [];
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--import',
      workers,
      '--conditions',
      '@nestbit/source',
      join(folder, name),
      ...given,
    ]);
    expect(stdout).toMatch(program.prints);
  });
}
