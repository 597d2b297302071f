/**
 * `npm test`: everything that must hold, cheapest first; the first that does not ends it. `--check` stops before the suites.
 * Arguments go on to vitest. The last line is always `tests: N passed, N failed`; a check that fails counts as one failure,
 * so that line never reads as green when something is wrong.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installIfStale, requireNode, root } from './setup.mjs';

const args = process.argv.slice(2);
const checkOnly = args[0] === '--check';

requireNode();
installIfStale();

check('format and lint', '@biomejs/biome/bin/biome', ['check', '--error-on-warnings']);
check('types', 'typescript/bin/tsc', ['-p', 'tsconfig.json']);
check('types of an application', 'typescript/bin/tsc', ['-p', 'test/types/tsconfig.json']);
check('types of the page', 'typescript/bin/tsc', ['-p', 'src/web/tsconfig.json']);
check('unused code', 'knip/bin/knip.js', ['--no-progress']);
check('build and bundle', '../scripts/build.mjs', []);
if (checkOnly) process.exit(0);
runSuites();

function check(name, program, programArgs) {
  const started = performance.now();
  const { status, stdout, stderr } = runNode(program, programArgs, { encoding: 'utf8' });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (status === 0) {
    console.log(`ok      ${name} (${seconds} s)`);
    return;
  }
  console.log(`${stdout}${stderr}\nFAILED  ${name} (${seconds} s)`);
  finish({ passed: 0, failed: 1 });
}

function runSuites() {
  const scratch = mkdtempSync(join(tmpdir(), 'tidemark-counts-'));
  const countsFile = join(scratch, 'counts.json');
  let counts = { passed: 0, skipped: 0, failures: ['the suites ended without a result'] };
  const { status } = runNode('vitest/vitest.mjs', ['run', ...args], {
    stdio: 'inherit',
    env: { ...process.env, TEST_COUNTS_FILE: countsFile },
  });
  try {
    counts = JSON.parse(readFileSync(countsFile, 'utf8'));
  } catch {
    // Ended before it was written.
  }
  rmSync(scratch, { recursive: true, force: true });
  if (counts.skipped > 0) console.log(`FAILED  ${counts.skipped} tests were skipped: run them or remove them`);
  for (const failure of counts.failures) console.log(`FAILED  ${failure}`);
  finish({ passed: counts.passed, failed: counts.failures.length + counts.skipped || (status === 0 ? 0 : 1) });
}

/** A program of node_modules, by this Node. */
function runNode(program, programArgs, options) {
  return spawnSync(process.execPath, [join(root, 'node_modules', program), ...programArgs], { cwd: root, maxBuffer: 1e8, ...options });
}

function finish({ passed, failed }) {
  if (!checkOnly) console.log(`tests: ${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}
