/**
 * `npm run drill -- --minutes N [--seed S] [--json] [--keep] [--blobs folder|s3]`: compiles the drill, with the product it drills, into a folder of its own
 * and runs that. A build or an edit meanwhile changes nothing in processes that the drill starts again.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const cache = join(root, 'node_modules/.cache/tidemark');
const UNUSED_AFTER_MS = 24 * 3_600_000;

const { main } = await import(join(await compile(), 'test/drill/drill.js'));
const code = await main(process.argv.slice(2));
// A drill that could not go on may have left something behind that would keep this process.
if (code > 1) process.exit(code);
process.exitCode = code;

async function compile() {
  const target = join(cache, `drill-${hashSources()}`);
  if (existsSync(target)) {
    utimesSync(target, new Date(), new Date());
    return target;
  }
  forgetOldOnes();
  const scratch = `${target}.${process.pid}`;
  mkdirSync(scratch, { recursive: true });
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const { status } = spawnSync(process.execPath, [compiler, '-p', 'test/drill/tsconfig.json', '--outDir', scratch], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) {
    console.error('The drill does not compile: correct the errors above.');
    process.exit(1);
  }
  writeFileSync(join(scratch, 'package.json'), '{ "type": "module" }\n');
  symlinkSync(join(root, 'migrations'), join(scratch, 'migrations'));
  const { bundleWorkflowCode, DefaultLogger } = await import('@temporalio/worker');
  const { code } = await bundleWorkflowCode({ workflowsPath: join(scratch, 'src/workflows/index.js'), logger: new DefaultLogger('WARN') });
  writeFileSync(join(scratch, 'src/workflow-bundle.js'), code);
  try {
    renameSync(scratch, target);
  } catch (error) {
    // Another drill was faster, with the same files.
    if (!existsSync(target)) throw error;
    rmSync(scratch, { recursive: true });
  }
  return target;
}

function hashSources() {
  const hash = createHash('sha256').update(readFileSync(join(root, 'package-lock.json')));
  for (const folder of ['src', 'test/drill', 'test/support']) {
    const files = readdirSync(join(root, folder), { recursive: true }).filter((name) => /\.(ts|mjs|json)$/.test(name));
    for (const file of files.sort()) hash.update(`${folder}/${file}\0`).update(readFileSync(join(root, folder, file)));
  }
  return hash.digest('hex').slice(0, 16);
}

function forgetOldOnes() {
  for (const name of existsSync(cache) ? readdirSync(cache) : []) {
    const path = join(cache, name);
    if (name.startsWith('drill-') && Date.now() - statSync(path).mtimeMs > UNUSED_AFTER_MS) rmSync(path, { recursive: true, force: true });
  }
}
