/** `npm run images`: the pictures of the page in docs/images, made anew by the tests that look at it. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';

const IMAGES = ['sheet-with-log', 'work'];
const TESTS = 'a file that is dropped|is counted by group';

const vitest = join(root, 'node_modules/vitest/vitest.mjs');
const { status } = spawnSync(process.execPath, [vitest, 'run', 'test/e2e/page.test.ts', '-t', TESTS], { cwd: root, stdio: 'inherit' });
if (status !== 0) process.exit(1);
mkdirSync(join(root, 'docs/images'), { recursive: true });
for (const name of IMAGES) {
  copyFileSync(join(root, `node_modules/.cache/tidemark/screenshots/${name}.png`), join(root, `docs/images/${name}.png`));
}
