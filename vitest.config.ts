import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** Files share what they import: a third of the time would be for reading the same modules again. What a file changes, it puts back. */
const shared = { pool: 'forks', isolate: false, testTimeout: 30_000, hookTimeout: 60_000, allowOnly: false } as const;

/** The examples import the package by its name. */
const alias = [{ find: /^tidemark$/, replacement: fileURLToPath(new URL('src/index.ts', import.meta.url)) }];

/** Three projects: what needs no server starts none, what replaces modules shares none. `npx vitest run test/int/some.test.ts` runs one file of any. */
export default defineConfig({
  test: {
    maxWorkers: 3,
    reporters: ['default', './test/support/count-reporter.ts'],
    projects: [
      { test: { ...shared, name: 'alone', include: ['test/unit/**/*.test.ts'], exclude: ['**/*.mocked.test.ts'] } },
      { test: { ...shared, name: 'mocked', include: ['test/unit/**/*.mocked.test.ts'], isolate: true } },
      {
        resolve: { alias },
        test: {
          ...shared,
          name: 'servers',
          include: ['test/{contract,int,e2e,replay}/**/*.test.ts'],
          globalSetup: ['./test/support/global-setup.ts'],
        },
      },
    ],
  },
});
