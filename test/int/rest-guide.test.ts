/** The examples of docs/guides/rest.md, run as they stand there, against a server that asks for a token. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';
import { askForTokens, makeToken } from '../support/http-tokens.ts';

const guide = readFileSync(new URL('../../docs/guides/rest.md', import.meta.url), 'utf8');
/** Commands, each with the answer that is printed below it, where there is one. */
const examples = [...guide.matchAll(/```sh\n(.*?)```\n(?:\n```(?:json|text)\n(.*?)```)?/gs)].map(([, command = '', answer]) => ({
  command,
  answer,
}));

let database: TestDatabase;
let server: TestServer;

beforeAll(async () => {
  database = await createTestDatabase();
  server = await startTestServer(database, askForTokens(database));
});
afterAll(async () => {
  await server?.close();
  await database?.drop();
});

test('its examples answer what it says', async () => {
  const [setup, functions, ...calls] = examples;
  expect(setup?.command).toContain('export TIDEMARK=');
  expect(calls.length).toBeGreaterThan(6);
  const { token } = await makeToken(database, { scopes: ['read', 'write'] });
  const env = { ...process.env, TIDEMARK: server.url, TOKEN: token };
  for (const { command, answer } of calls) {
    const script = `set -euo pipefail\n${functions?.command}\n${command}`;
    const { stdout } = await promisify(execFile)('bash', ['-c', script], { env });
    expect(answer, command).toBeDefined();
    expect(plain(stdout), command).toMatch(patternOf(answer as string));
  }
});

/** Blank space is for people. */
const plain = (text: string) => text.replaceAll(/\s+/g, '');

/** `…` stands for anything, between commas for other fields. */
function patternOf(answer: string): RegExp {
  const parts = plain(answer).split(/,?…,?/);
  return new RegExp(`^${parts.map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*')}$`, 's');
}
