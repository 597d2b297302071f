import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const shared = { pool: 'forks', testTimeout: 30_000, hookTimeout: 60_000, allowOnly: false } as const;

/** The examples import the package by its name. */
const alias = [{ find: /^tidemark$/, replacement: fileURLToPath(new URL('src/index.ts', import.meta.url)) }];

/** Two projects: what needs no server starts none. `npx vitest run test/int/some.test.ts` runs one file of either. */
export default defineConfig({
  test: {
    maxWorkers: 2,
    reporters: ['default', './test/support/count-reporter.ts'],
    projects: [
      { test: { ...shared, name: 'alone', include: ['test/unit/**/*.test.ts'] } },
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
