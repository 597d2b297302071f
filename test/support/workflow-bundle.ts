/** src/workflows as one file for workers, made again only when something in src has changed. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The bundle's path; '' while there are no workflows. */
export async function bundleWorkflowsOnce(): Promise<string> {
  const workflowsPath = join(root, 'src/workflows/index.ts');
  if (!existsSync(workflowsPath)) return '';
  const hash = createHash('sha256').update(await readFile(join(root, 'package-lock.json')));
  const files = await readdir(join(root, 'src'), { recursive: true });
  for (const file of files.filter((name) => name.endsWith('.ts')).sort()) {
    hash.update(file).update(await readFile(join(root, 'src', file)));
  }
  const folder = join(root, 'node_modules/.cache/tidemark');
  const path = join(folder, `workflows-${hash.digest('hex').slice(0, 16)}.js`);
  if (existsSync(path)) return path;
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') });
  await mkdir(folder, { recursive: true });
  const scratch = `${path}.${process.pid}`;
  await writeFile(scratch, code);
  await rename(scratch, path);
  return path;
}
