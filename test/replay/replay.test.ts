/** Recorded runs go on under the present workflows: what a new version must not break for runs that are under way. */
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger, Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { beforeAll, describe, expect, test } from 'vitest';
import { installRuntime } from '../../src/temporal/runtime.ts';
import { workflowBundle } from '../support/servers.ts';
import { parseHistory } from './history-json.ts';

const folder = new URL('histories/', import.meta.url);
const SHAPES = [
  ...['short', 'snapshot', 'compact', 'erase', 'long', 'resumed', 'taken-over', 'waited', 'waited-long', 'later', 'dead', 'redriven'],
  ...['burst', 'burst-released', 'released', 'burst-waited', 'scheduled'],
];

installRuntime({ verbose: false, log: () => {} });

const historyOf = async (shape: string) => parseHistory(await readFile(new URL(`${shape}.json`, folder), 'utf8'));

test('every recorded history is of a shape that is replayed, and the other way round', async () => {
  expect((await readdir(folder)).sort()).toEqual(SHAPES.map((shape) => `${shape}.json`).sort());
});

test.each(SHAPES)('%s: replays', async (shape) => {
  await Worker.runReplayHistory({ workflowBundle: workflowBundle() }, await historyOf(shape));
});

test.each(SHAPES)('%s: was recorded without the name of a machine or a place on it', async (shape) => {
  const text = await readFile(new URL(`${shape}.json`, folder), 'utf8');
  const decoded = text.replaceAll(/"\$bytes": "([A-Za-z0-9+/=]+)"/g, (_, data) => Buffer.from(data, 'base64').toString('utf8'));
  expect(decoded).not.toMatch(/\/node_modules\/|\.(ts|js):\d+|\d+@/);
});

describe('with its commands in another order', () => {
  let reordered: WorkflowBundleWithSourceMap;

  beforeAll(async () => {
    const workflowsPath = fileURLToPath(new URL('reordered/index.ts', import.meta.url));
    reordered = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
  });

  test.each(SHAPES)('%s: does not replay', async (shape) => {
    await expect(Worker.runReplayHistory({ workflowBundle: reordered }, await historyOf(shape))).rejects.toThrow(DeterminismViolationError);
  });
});
