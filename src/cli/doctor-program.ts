/** What doctor says about this program itself: Node, the packages that must be of one version, the place of the blobs. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { checkBlobs } from './doctor-blobs.ts';
import type { Finding } from './finding.ts';

const TEMPORAL_PACKAGES = ['activity', 'client', 'common', 'worker', 'workflow'].map((name) => `@temporalio/${name}`);

/** @param blobs where they are */
export async function checkProgram(blobs: string): Promise<Finding[]> {
  const ofBlobs = await checkBlobs(blobs);
  return [await checkNode(), await checkPackages(), ...(ofBlobs ? [ofBlobs] : [])];
}

async function checkNode(): Promise<Finding> {
  const { version, engines } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
  const wanted: string = engines.node.replace('>=', '');
  const [major = 0, minor = 0] = wanted.split('.').map(Number);
  const [ourMajor = 0, ourMinor = 0] = process.versions.node.split('.').map(Number);
  const isOld = ourMajor < major || (ourMajor === major && ourMinor < minor);
  return {
    check: 'program',
    state: isOld ? 'wrong' : 'ok',
    found: `tidemark ${version}, Node ${process.versions.node}`,
    ...(isOld ? { fix: `Install Node ${wanted} or newer.` } : {}),
  };
}

/** Two copies of the SDK's parts do not know each other's errors. */
async function checkPackages(): Promise<Finding> {
  const require = createRequire(import.meta.url);
  const versions = new Map<string, string>();
  for (const name of TEMPORAL_PACKAGES) {
    versions.set(name, await readVersion(dirname(require.resolve(name)), name));
  }
  const distinct = [...new Set(versions.values())];
  return {
    check: 'packages',
    state: distinct.length === 1 ? 'ok' : 'wrong',
    found: distinct.length === 1 ? `@temporalio/* ${distinct[0]}` : [...versions].map(([name, version]) => `${name} ${version}`).join(', '),
    ...(distinct.length === 1 ? {} : { fix: 'Install all @temporalio packages in one exact version.' }),
  };
}

async function readVersion(directory: string, name: string): Promise<string> {
  for (let at = directory; dirname(at) !== at; at = dirname(at)) {
    const found = JSON.parse(await readFile(join(at, 'package.json'), 'utf8').catch(() => '{}'));
    if (found.name === name) return found.version;
  }
  return 'unknown';
}
