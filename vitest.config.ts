import { defineConfig } from 'vitest/config';

/** Tests that measure time: they run by themselves, after the others. */
const ALONE = 'test/**/*.alone.test.ts';
/** Minutes of faults and floors; NESTBIT_TEST_LONG=0 leaves them out. */
const LONG = [
  'test/faiss/faults/**',
  'test/faults/**',
  'test/postgres/faults.test.ts',
  'test/shrink/faults/**',
  'test/sync/faults/**',
  'test/recall/**',
];
const left = process.env['NESTBIT_TEST_LONG'] === '0' ? LONG : [];
// Worker threads of the tests are TypeScript files too; the preload lets Node 20 load them.
const EXEC_ARGV = ['--import', new URL('./test/support/ts-workers.js', import.meta.url).href];

export default defineConfig({
  test: {
    execArgv: EXEC_ARGV,
    projects: [
      {
        extends: true,
        test: {
          name: 'together',
          globalSetup: './test/support/postgres/global-setup.ts',
          include: ['test/**/*.test.ts'],
          exclude: [ALONE, '**/node_modules/**', ...left],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'alone',
          include: [ALONE],
          // A collection that waits for helper threads would look like work of the main thread.
          execArgv: [...EXEC_ARGV, '--single-threaded-gc'],
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
    // For what hangs: no test fails because a machine is slow.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    maxWorkers: 2,
    reporters: ['default', './test/support/summary-reporter.ts'],
  },
});
