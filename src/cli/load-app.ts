/** The application whose work a worker runs: the default export of a file, made by createTidemark. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { errorMessage, SetupError } from '../errors.ts';
import { createRegistry, type Registry } from '../registry.ts';
import { sheet } from '../spreadsheet/sheet.ts';

/** Looked for in this order, in the folder the command runs in. */
const DEFAULT_FILES = ['tidemark.config.js', 'tidemark.config.mjs', 'tidemark.config.ts'];

export interface App {
  /** What the application has defined, and sheets. */
  registry: Registry;
  /** Absolute; undefined where there is none, and sheets are all there is. */
  file?: string;
}

/** The file that `--app` means, or the default one; undefined where there is neither. @throws SetupError */
export function findAppFile(given: string | undefined, directory: string = process.cwd()): string | undefined {
  if (given === undefined) {
    return DEFAULT_FILES.map((name) => resolve(directory, name)).find((path) => existsSync(path));
  }
  const file = resolve(directory, given);
  if (!existsSync(file)) {
    throw new SetupError(`There is no app file '${given}'. Name the file whose default export is the createTidemark instance, or run 'tidemark init'.`);
  }
  return file;
}

/** @throws SetupError naming the file and what is wrong with it */
export async function loadApp(given: string | undefined, directory: string = process.cwd()): Promise<App> {
  const file = findAppFile(given, directory);
  if (file === undefined) {
    return { registry: createRegistry([sheet], []) };
  }
  let loaded: { default?: { registry?: Registry } };
  try {
    loaded = await import(pathToFileURL(file).href);
  } catch (error) {
    throw new SetupError(`The app ${file} does not load: ${whyNot(error)}`, { cause: error });
  }
  const registry = loaded.default?.registry;
  if (!(registry?.logTypes instanceof Map) || !(registry.entryWork instanceof Map)) {
    throw new SetupError(`The app ${file} does not load: its default export is not a createTidemark instance. Write: export default createTidemark({ … })`);
  }
  const logTypes = [...registry.logTypes.values()];
  return { file, registry: createRegistry(registry.logTypes.has(sheet.type) ? logTypes : [...logTypes, sheet], [...registry.entryWork.values()]) };
}

function whyNot(error: unknown): string {
  const { code, stack } = error as { code?: string; stack?: string };
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION') {
    return `Node ${process.versions.node} cannot load this kind of file. Use Node 22.18 or newer for TypeScript, or name the compiled file.`;
  }
  // The message of a syntax error does not say where; its stack begins with that.
  const place = error instanceof SyntaxError ? /^file:\/\/\S+?:\d+/m.exec(stack ?? '')?.[0] : undefined;
  return `${errorMessage(error)}${place ? ` (${place})` : ''}`;
}
