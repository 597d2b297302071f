/** The examples of docs/guides/rest.md, run as they stand there, against a server that asks for a token. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { applySubscriptions, defineJob, defineTopics, defineWorker } from '../../src/index.ts';
import type { Scope } from '../../src/tokens/scopes.ts';
import { failWork } from '../../src/work/end.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openSceneSchedules } from '../support/documented-scene.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';
import { askForTokens, makeToken } from '../support/http-tokens.ts';
import { workRows } from '../support/work-rows.ts';

const guide = readFileSync(new URL('../../docs/guides/rest.md', import.meta.url), 'utf8');
/** Commands, each with the answer that is printed below it, where there is one. */
const examples = [...guide.matchAll(/```sh\n(.*?)```\n(?:\n```(?:json|text)\n(.*?)```)?/gs)].map(([, command = '', answer]) => ({
  command,
  answer,
}));

const topics = defineTopics({ 'order-placed': z.object({ orderId: z.string() }) });
const mail = defineWorker(topics, { topic: 'order-placed', subscription: 'order-placed-mail', handler: () => {} });
const report = defineJob({ name: 'report', input: z.object({ month: z.string() }), handler: () => {} });

let database: TestDatabase;
let server: TestServer;
let clock: Awaited<ReturnType<typeof openSceneSchedules>>;

beforeAll(async () => {
  database = await createTestDatabase();
  await applySubscriptions(database.db, [mail]);
  clock = await openSceneSchedules(database);
  const { schedules } = clock;
  server = await startTestServer(database, { ...askForTokens(database), topics, workers: [mail], jobs: [report], schedules });
});
afterAll(async () => {
  await server?.close();
  await clock?.close();
  await database?.drop();
});

test('its examples answer what it says', async () => {
  const [setup, functions, ...calls] = examples;
  expect(setup?.command).toContain('export TIDEMARK=');
  expect(calls.length).toBeGreaterThan(12);
  const env = { ...process.env, TIDEMARK: server.url, TOKEN: await tokenOf(setup?.command) };
  for (const { command, answer } of calls) {
    if (command.includes('export TOKEN=')) {
      env.TOKEN = await tokenOf(command);
      continue;
    }
    if (command.includes('"/dead-letters?')) {
      await giveUp('delivery/order-placed-mail/1');
    }
    const script = `set -euo pipefail\n${functions?.command}\n${command}`;
    const { stdout } = await promisify(execFile)('bash', ['-c', script], { env });
    expect(answer, command).toBeDefined();
    expect(plain(stdout), command).toMatch(patternOf(answer as string));
  }
});

/** With the scopes that the command asks for. */
async function tokenOf(command = ''): Promise<string> {
  const scopes = /--scopes ([a-z,]+)/.exec(command)?.[1]?.split(',') as Scope[];
  return (await makeToken(database, { scopes })).token;
}

async function giveUp(id: string): Promise<void> {
  const work = workRows(database);
  await failWork(work.db, await work.begin(id), { code: 'handler_failed', message: 'The server said 550' }, { dead: true });
}

/** Blank space is for people. */
const plain = (text: string) => text.replaceAll(/\s+/g, '');

/** `…` stands for anything, between commas for other fields. */
function patternOf(answer: string): RegExp {
  const parts = plain(answer).split(/,?…,?/);
  return new RegExp(`^${parts.map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`, 's');
}
