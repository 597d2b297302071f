/** What a fresh clone needs before anything runs: the right Node, and the dependencies of package-lock.json. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Ends the process where Node is too old. */
export function requireNode() {
  const { engines } = readJson('package.json');
  const wanted = engines.node.replace('>=', '');
  const [major, minor] = wanted.split('.').map(Number);
  const [ourMajor, ourMinor] = process.versions.node.split('.').map(Number);
  if (ourMajor < major || (ourMajor === major && ourMinor < minor)) {
    fail(
      `This is Node ${process.versions.node}, and Tidemark needs ${wanted} or newer: install it from https://nodejs.org and run this again.`,
    );
  }
}

/** Installs where something of package-lock.json is missing or of another version. Ends the process where that fails. */
export function installIfStale() {
  if (isInstalled()) return;
  console.log('Installing dependencies …');
  if (npm(['ci']) === 0 && isInstalled()) return;
  // A lock made where some platforms' packages could not be seen is refused by `npm ci`; what it does hold is kept to.
  console.log('npm ci did not succeed; trying npm install …');
  if (npm(['install', '--no-save']) === 0 && isInstalled()) return;
  fail('The dependencies could not be installed: see what npm says above, then run this again.');
}

export function fail(message) {
  console.error(message);
  process.exit(1);
}

/** npm writes what it has installed at the end of an installation, so one that was cut short counts as none. */
function isInstalled() {
  const wanted = readJson('package-lock.json').packages;
  let present;
  try {
    present = readJson('node_modules/.package-lock.json').packages;
  } catch {
    return false;
  }
  return Object.entries(wanted).every(
    ([path, { version, optional }]) => path === '' || present[path]?.version === version || (optional && present[path] === undefined),
  );
}

function npm(args) {
  const program = process.env.npm_execpath;
  const [command, first] = program?.endsWith('.js') ? [process.execPath, [program]] : ['npm', []];
  return spawnSync(command, [...first, ...args, '--no-audit', '--no-fund'], { cwd: root, stdio: 'inherit' }).status;
}

function readJson(path) {
  return JSON.parse(readFileSync(`${root}/${path}`, 'utf8'));
}
