/** `tidemark/client` as a browser gets it: bundled, without a trace of Node, and at work where only web interfaces are. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createContext, runInContext } from 'node:vm';
import { build, type Rolldown } from 'vite';
import { beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
let code: string;
let imports: string[];
let modules: string[];

beforeAll(async () => {
  const outputs = await build({
    root,
    configFile: false,
    logLevel: 'silent',
    build: { write: false, minify: false, lib: { entry: `${root}src/client.ts`, formats: ['iife'], name: 'client' } },
  });
  const [chunk] = ([outputs].flat() as Rolldown.RolldownOutput[]).map(({ output }) => output[0]) as [Rolldown.OutputChunk];
  code = chunk.code;
  modules = chunk.moduleIds;
  imports = [...chunk.imports, ...chunk.dynamicImports];
}, 60_000);

/** Everything that the bundle can find is what browsers have. */
function browser() {
  const { setTimeout, clearTimeout, queueMicrotask, performance, crypto, console } = globalThis;
  const { TextEncoder, TextDecoder, Blob, Response, CompressionStream, DecompressionStream, AbortController, AbortSignal } = globalThis;
  const has = { setTimeout, clearTimeout, queueMicrotask, performance, crypto, console, TextEncoder, TextDecoder, Blob, Response };
  return createContext({ ...has, CompressionStream, DecompressionStream, AbortController, AbortSignal });
}

test('the bundle imports nothing, least of all of Node', () => {
  expect(imports).toEqual([]);
  expect(code).not.toMatch(/(from|import|require)\s*\(?\s*["']node:/);
  // For a module of Node the bundler puts in one of its own, which is in neither of these.
  const foreign = modules.filter(
    (id) =>
      !id.startsWith(`${root}src/`) &&
      !id.includes('/node_modules/zod/') &&
      !id.includes('/eventsource-parser/') &&
      !id.includes('rolldown/runtime'),
  );
  expect(foreign).toEqual([]);
  expect(modules.length).toBeGreaterThan(40);
});

test('a sheet is written, snapshotted, opened and edited with web interfaces alone', async () => {
  const page = browser();
  runInContext(code.replace(/^(var|let|const) client/m, 'globalThis.client'), page);
  const story = `(async () => {
    const { createMemoryBlobStore, createMemoryEventLog, blobsOfLog, openSheet, sheet, takeSnapshot, CorruptBlobError } = client;
    const log = createMemoryEventLog();
    const blobs = await blobsOfLog(createMemoryBlobStore(), 'a');
    const values = Array.from({ length: 200 }, (_, row) => Array.from({ length: 40 }, (_, column) => row * 100 + column));
    await log.addEntry({ type: 'SetCellRange', row: 0, column: 0, values }, 0n);
    await log.addEntry({ type: 'SetCellValueAndFormat', row: 1, column: 1, value: 'Grüße' }, 1n);
    await log.setMetadata(1n, { snapshot: await takeSnapshot({ log, blobs, logType: sheet, sequenceId: 1n }) });
    const live = await openSheet({ log, blobs, live: true });
    const before = live.view.getCell(5, 5);
    await live.setViewport({ row: 0, column: 0, rowCount: 200, columnCount: 40 });
    const sequenceId = await live.setCell(3, 3, 'edited', '@');
    const names = (await blobs.query()).blobs;
    const tile = names.find((name) => name.startsWith('tile-'));
    await blobs.writeBlob(tile, (await blobs.readBlob(names.find((name) => name.startsWith('tile-') && name !== tile))));
    const other = await openSheet({ log, blobs, live: true, retryMs: 600000 });
    await other.setViewport({ row: 0, column: 0, rowCount: 200, columnCount: 40 });
    const { view } = live;
    await Promise.all([live.close(), other.close()]);
    return JSON.stringify({
      before: before === undefined, globals: [typeof process, typeof Buffer, typeof setImmediate],
      cells: [view.getCell(5, 5), view.getCell(1, 1), view.getCell(3, 3), view.getCell(150, 39), view.getCell(999, 0)],
      counts: view.counts, sync: view.sync.state, sequenceId: String(sequenceId),
      corrupt: other.view.load.failed.map(({ error }) => error instanceof CorruptBlobError && error.message.includes('does not match the sha-256')),
    });
  })()`;
  expect(JSON.parse(await runInContext(story, page))).toEqual({
    before: true,
    globals: ['undefined', 'undefined', 'undefined'],
    cells: [{ value: 505 }, { value: 'Grüße' }, { value: 'edited', format: '@' }, { value: 15_039 }, { value: null }],
    counts: { rowCount: 200, columnCount: 40, cellCount: 8_000, isExact: true },
    sync: 'saved',
    sequenceId: '2',
    corrupt: [true],
  });
});

test('the package offers it as an entry of its own', () => {
  const { exports } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  expect(exports['./client']).toEqual({ types: './dist/client.d.ts', default: './dist/client.js' });
});
