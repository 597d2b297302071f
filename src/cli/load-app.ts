/** The application whose work a worker runs: the default export of a file, made by createTidemark. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BlobStore } from '../blob-store/blob-store.ts';
import { errorMessage, SetupError } from '../errors.ts';
import { createRegistry, type Registry } from '../registry.ts';
import { sheet } from '../spreadsheet/sheet.ts';
import type { Tidemark } from '../tidemark.ts';

/** Looked for in this order, in the folder the command runs in. */
const DEFAULT_FILES = ['tidemark.config.js', 'tidemark.config.mjs', 'tidemark.config.ts'];

/** What of it a worker needs. */
export interface App {
  registry: Registry;
  /** The application's own; absent: that of the settings. */
  blobs?: BlobStore;
  /** What the application itself goes by: its own option, else what USE_JOBS says. Absent: it does not say. */
  useJobs?: boolean;
  /** Absolute; absent where there is none, and sheets are all there is. */
  file?: string;
}

/** The file that `--app` means, or the default one; undefined where there is neither. @throws SetupError */
export function findAppFile(given: string | undefined, directory: string = process.cwd()): string | undefined {
  if (given === undefined) {
    return DEFAULT_FILES.map((name) => resolve(directory, name)).find((path) => existsSync(path));
  }
  const file = resolve(directory, given);
  if (!existsSync(file)) {
    throw new SetupError(
      `There is no app file '${given}'. Name the file whose default export is the createTidemark instance, or run 'tidemark init'.`,
    );
  }
  return file;
}

/** @throws SetupError naming the file and what is wrong with it; also where the app means another schema than this process */
export async function loadApp(given: string | undefined, schema: string, directory: string = process.cwd()): Promise<App> {
  const found = await importApp(given, directory);
  if (found === undefined) {
    return { registry: createRegistry({ logTypes: [sheet] }) };
  }
  const { file, app } = found;
  if (app.schema !== schema) {
    throw new SetupError(
      `The app ${file} uses schema '${app.schema}', this process '${schema}'. Set TIDEMARK_SCHEMA=${app.schema}, or change the app.`,
    );
  }
  return {
    file,
    // A copy of an earlier version has no word for what came later.
    registry: { ...createRegistry({}), ...app.registry },
    ...(app.blobs ? { blobs: app.blobs } : {}),
    ...(app.useJobs === undefined ? {} : { useJobs: app.useJobs }),
  };
}

/** What the file exports; undefined where there is none. @throws SetupError naming the file and what is wrong with it */
export async function importApp(given: string | undefined, directory?: string): Promise<{ file: string; app: Tidemark } | undefined> {
  const file = findAppFile(given, directory);
  if (file === undefined) {
    return undefined;
  }
  let loaded: { default?: unknown };
  try {
    loaded = await import(pathToFileURL(file).href);
  } catch (error) {
    throw new SetupError(`The app ${file} does not load: ${whyNot(error, file)}`, { cause: error });
  }
  const app = loaded.default;
  if (!isTidemark(app)) {
    throw new SetupError(
      `The app ${file} does not load: its default export is not a createTidemark instance. Write: export default createTidemark({ … })`,
    );
  }
  return { file, app };
}

/** By its shape: an app may bring a copy of this package of its own. */
function isTidemark(value: unknown): value is Tidemark {
  const { registry, schema } = (value ?? {}) as Partial<Tidemark>;
  return (
    registry?.logTypes instanceof Map && registry.entryWork instanceof Map && registry.workers instanceof Map && typeof schema === 'string'
  );
}

function whyNot(error: unknown, file: string): string {
  if ((error as { code?: string }).code === 'ERR_UNKNOWN_FILE_EXTENSION') {
    return `Node ${process.versions.node} cannot load this kind of file. Use Node 22.18 or newer for TypeScript, or name the compiled file.`;
  }
  return `${errorMessage(error)}${error instanceof SyntaxError ? placeOfSyntaxError(file) : ''}`;
}

/** The error of an import does not say where; Node's own check does, where the file itself is what is wrong. */
function placeOfSyntaxError(file: string): string {
  const { stderr } = spawnSync(process.execPath, ['--check', file], { encoding: 'utf8', timeout: 10_000 });
  const line = /:(\d+)$/.exec(stderr.split('\n')[0] ?? '')?.[1];
  return line ? ` (line ${line})` : '';
}
