import { defineConfig } from 'vitest/config';

const conditions = ['@nestbit/source'];

export default defineConfig({
  // Tests run from the sources of every package: a fresh clone needs no build.
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['test/**/*.test.ts'],
    // Worker threads of the encoder are TypeScript files too; the preload lets Node 20 load them.
    execArgv: [
      '--import',
      new URL('./test/support/ts-workers.js', import.meta.url).href,
      '--conditions',
      '@nestbit/source',
    ],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    reporters: ['default', './test/support/summary-reporter.ts'],
  },
});
