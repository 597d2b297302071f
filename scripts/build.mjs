/**
 * dist/: the library and the command, as plain JavaScript, with the workflows bundled into one file so that no worker
 * bundles at start, and in dist/web the page. Built in place, because a running `tidemark dev` loads from it; what has no source any more goes.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildPage } from './build-page.mjs';
import { fail, installIfStale, requireNode, root } from './setup.mjs';

const dist = join(root, 'dist');
const bundle = join(dist, 'workflow-bundle.js');
/** Beside dist, which is published. */
const stamp = join(root, 'node_modules/.cache/tidemark/dist-built-from');

/** Builds where a source has changed since. Ends the process where it does not compile. */
export async function buildIfStale() {
  const sources = hashSources();
  if (existsSync(bundle) && existsSync(join(dist, 'web/index.html')) && existsSync(stamp) && readFileSync(stamp, 'utf8') === sources)
    return false;
  rmSync(stamp, { force: true });
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json', '--noEmitOnError'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) fail('The build failed: correct the errors above.');
  removeOrphans();
  await bundleWorkflows();
  await buildPage(join(dist, 'web'));
  if (existsSync(join(dist, 'cli.js'))) chmodSync(join(dist, 'cli.js'), 0o755);
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, sources);
  return true;
}

async function bundleWorkflows() {
  const { bundleWorkflowCode, DefaultLogger } = await import('@temporalio/worker');
  const { code } = await bundleWorkflowCode({ workflowsPath: join(dist, 'workflows/index.js'), logger: new DefaultLogger('WARN') });
  writeFileSync(`${bundle}.new`, code);
  renameSync(`${bundle}.new`, bundle);
}

function hashSources() {
  const hash = createHash('sha256');
  const files = [
    'package-lock.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'vite.config.ts',
    'scripts/build.mjs',
    'scripts/build-page.mjs',
    ...filesIn('src').map((file) => `src/${file}`),
  ];
  for (const file of files) hash.update(`${file}\0`).update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

function removeOrphans() {
  const sources = new Set(filesIn('src').map((file) => file.replace(/\.ts$/, '')));
  for (const file of filesIn('dist')) {
    if (
      /\.(js|js\.map|d\.ts)$/.test(file) &&
      !file.startsWith('workflow-bundle') &&
      !file.startsWith('web/') &&
      !sources.has(file.replace(/\.(js|js\.map|d\.ts)$/, ''))
    ) {
      rmSync(join(dist, file));
    }
  }
}

function filesIn(folder) {
  const entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(root, folder).length + 1))
    .sort();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  requireNode();
  installIfStale();
  console.log((await buildIfStale()) ? 'Built dist/.' : 'dist/ is up to date.');
}
