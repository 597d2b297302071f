/**
 * `npm run bench [-- NAME…] [--json]`: compiles the figures, with the product they measure, into a folder of its own and runs them, so that a
 * build or an edit meanwhile changes nothing.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installIfStale, requireNode } from '../scripts/setup.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const target = join(root, `node_modules/.cache/tidemark/bench-${process.pid}`);

requireNode();
installIfStale();
process.once('exit', () => rmSync(target, { recursive: true, force: true }));
await compile();
const { main } = await import(join(target, 'bench/support/main.js'));
// The SDK's runtime goes on until a worker has used it and ended, and not every figure has one.
process.exit(await main(process.argv.slice(2)));

async function compile() {
  mkdirSync(target, { recursive: true });
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const { status } = spawnSync(process.execPath, [compiler, '-p', 'bench/tsconfig.json', '--outDir', target], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0 || !existsSync(join(target, 'bench/support/main.js'))) {
    console.error('The figures do not compile: correct the errors above.');
    process.exit(1);
  }
  writeFileSync(join(target, 'package.json'), '{ "type": "module" }\n');
  symlinkSync(join(root, 'migrations'), join(target, 'migrations'), 'junction');
  const { bundleWorkflowCode, DefaultLogger } = await import('@temporalio/worker');
  const logger = new DefaultLogger('WARN');
  for (const [workflows, bundle] of [
    ['src/workflows/index.js', 'src/workflow-bundle.js'],
    ['bench/support/bare-workflow.js', 'bench/support/bare-workflow-bundle.js'],
  ]) {
    const { code } = await bundleWorkflowCode({ workflowsPath: join(target, workflows), logger });
    writeFileSync(join(target, bundle), code);
  }
}
