import { defineConfig } from 'vitest/config';

/** `npx vitest run --config test/replay/record.config.ts` records the histories anew, from the real server. */
export default defineConfig({
  test: {
    include: ['test/replay/record.ts'],
    globalSetup: ['./test/support/global-setup.ts'],
    pool: 'forks',
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
