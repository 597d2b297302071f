/** The examples as their user has them: compiled, with the package and what they depend on in node_modules. */
import { execFile } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** @param folder where each example gets a folder of its name */
export async function compileExamples(folder: string): Promise<void> {
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules/tidemark'));
  for (const name of ['fast-png', 'nodemailer', 'pg', 'zod'])
    symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  await promisify(execFile)(process.execPath, [compiler, '-p', join(root, 'test/support/examples.tsconfig.json'), '--outDir', folder]);
}
