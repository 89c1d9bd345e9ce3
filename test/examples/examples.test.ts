import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const folder = fileURLToPath(new URL('../../examples/src', import.meta.url));
const workers = new URL('../support/ts-workers.js', import.meta.url).href;

/** What each program must print. */
const programs: Record<string, { prints: RegExp }> = {
  'encode-text.ts': { prints: /^0\.\d+ Rinse the burn/ },
  'evaluate.ts': { prints: /768 dimensions, 96 bytes of bits\n +hamming +200 (1\.000|0\.99\d)/ },
  'postgres-drizzle.ts': { prints: /^42 0\n[\s\S]*the same bytes: true\n$/ },
  'postgres-kysely.ts': { prints: /^42 0\n[\s\S]*the same bytes: true\n$/ },
  'postgres-shrink.ts': {
    prints:
      /^1000 rows: the table \d+ bytes[\s\S]*ready: 1000 rows encoded\nevery code is right: true \(999 rows\), recall@10 (0\.9\d|1\.00)\n"nestbit"."articles_find": 42 1\.000\nrolled back: the store is dropped\n$/,
  },
  'postgres-sql.ts': { prints: /^42 0\n[\s\S]*the same bytes: true\n$/ },
  'postgres-store.ts': {
    prints: /^42 1\.000 \{"year":2017,"title":"Article 42"\}\n[\s\S]*hnsw: a valid hnsw index\n$/,
  },
  'postgres-sync.ts': {
    prints:
      /^encoded 500\nafter the changes \{ written: 501, removed: 10 \}\n7n \{"body":"something else"\}\n$/,
  },
  'quantize.ts': { prints: /float32 4096 bytes a row, int8 copy 520, bits 64, scalars 2/ },
  'train.ts': { prints: /^64 dimensions: MRR@10 [\d.]+ on \d+ held-out pairs\n[\s\S]*\n0\.\d+ / },
  'search.ts': { prints: /^42n 1\.000 \{"lang":"en","year":2002\}/ },
};

test('every example has its expectation here', () => {
  expect(readdirSync(folder).sort()).toEqual(Object.keys(programs).sort());
});

for (const [name, program] of Object.entries(programs)) {
  test(`example ${name} runs and prints what it promises`, async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--import',
      workers,
      '--conditions',
      '@nestbit/source',
      join(folder, name),
    ]);
    expect(stdout).toMatch(program.prints);
  });
}
