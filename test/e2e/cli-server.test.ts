/** `tidemark server` and `tidemark tokens` as processes: made, used, listed, revoked; and an end in order. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createFolder, type RunningCli, runCli, startCli } from '../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let folder: ReturnType<typeof createFolder>;
let server: RunningCli | undefined;

beforeAll(async () => {
  folder = createFolder();
  database = await createTestDatabase();
});
afterEach(() => {
  server?.child.kill('SIGKILL');
});
afterAll(async () => {
  folder?.remove();
  await database?.drop();
});

const options = (env: Record<string, string> = {}) => ({ cwd: folder.path, env: { DATABASE_URL: database.appUrl, ...env } });
const cli = (...args: string[]) => runCli(args, options());

async function startServer(args: string[], env: Record<string, string> = {}): Promise<string> {
  server = startCli(['server', '--port', '0', ...args], { ...options(env), timeoutMs: 120_000 });
  const said = await server.waitFor('"msg":"running"');
  const [, address = ''] = /"address":"([^"]+)"/.exec(said) ?? [];
  return address;
}

test('a token opens the server until it is revoked, and is in no log', { timeout: 60_000 }, async () => {
  const made = await cli(
    'tokens',
    'create',
    'ci',
    '--scopes',
    'read,write',
    '--log-prefix',
    'ci-',
    '--actor',
    'ci@example.com',
    '--expires',
    '2h',
  );
  expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^tmk_[a-z0-9]{12}_[\w-]{43}\n$/) });
  expect(made.stderr).toMatch(/^This is shown once\. It allows read, write on logs ci-… until \d{4}-\d\d-\d\d\.\n$/);
  const token = made.stdout.trim();

  const address = await startServer([], { TIDEMARK_HTTP_BASE_PATH: '/tide' });
  expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/tide\/$/);
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const create = (id: string) => fetch(`${address}logs`, { method: 'POST', headers, body: JSON.stringify({ id }) });
  expect((await create('ci-1')).status).toBe(201);
  expect((await create('other')).status).toBe(403);
  expect((await fetch(`${address}logs`)).status).toBe(401);

  const { tokens } = JSON.parse((await cli('tokens', 'list', '--json')).stdout);
  expect(tokens).toMatchObject([{ name: 'ci', actor: 'ci@example.com', scopes: ['read', 'write'], logPrefixes: ['ci-'], state: 'valid' }]);
  expect(tokens[0].lastUsedAt).toBeDefined();
  expect((await cli('tokens', 'list')).stdout).toMatch(
    /^id +name +scopes +logs +actor +expires +last used +state\n\w{12} +ci +read,write +ci-… +ci@example\.com /,
  );

  expect(await cli('tokens', 'revoke', 'ci', 'nobody')).toMatchObject({
    code: 1,
    stdout: `Revoked ci (${tokens[0].id}).\nThere is no token 'nobody' that could be revoked.\n`,
  });
  const revokedAt = performance.now();
  await until('it is refused', async () => (await fetch(`${address}logs`, { headers })).status === 401);
  expect(performance.now() - revokedAt).toBeLessThan(6_000);
  expect((await cli('tokens', 'list')).stdout).toBe("There are no tokens. Make one: 'tidemark tokens create NAME'.\n");
  expect(JSON.parse((await cli('tokens', 'list', '--all', '--json')).stdout).tokens).toMatchObject([{ state: 'revoked' }]);

  server?.child.kill('SIGTERM');
  const { code, stdout, stderr } = await (server as RunningCli).ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain('"route":"/logs"');
  expect(stdout).not.toContain(token.slice(-30));
});

test('what cannot be is refused in a line', async () => {
  for (const [args, message] of [
    [['tokens', 'create', 'x', '--scopes', 'read,root'], "'root' is no scope. Use read, write, publish, jobs, admin."],
    [['tokens', 'create', 'x', '--log-prefix', 'A B'], "'A B' cannot begin a log's id"],
    [['tokens', 'create', 'x', '--expires', 'soon'], 'Use a whole number and a unit'],
    [['tokens', 'create', ''], 'The name of a token has 1 to 100 characters'],
  ] as const) {
    const { code, stderr, stdout } = await cli(...args);
    expect(stderr).toMatch(/^tidemark: [^\n]+\n$/);
    expect(stderr).toContain(message);
    expect({ stdout, failed: code > 0 }).toEqual({ stdout: '', failed: true });
  }
  const [open, proxied] = await Promise.all([
    runCli(['server', '--host', '0.0.0.0', '--port', '0'], options({ TIDEMARK_AUTH: 'off' })),
    runCli(['server', '--port', '0'], options({ TIDEMARK_AUTH: 'off', TIDEMARK_HTTP_BASE_PATH: '/tide' })),
  ]);
  expect(proxied).toMatchObject({ code: 1, stderr: expect.stringContaining('TIDEMARK_HTTP_BASE_PATH is for a server behind a proxy') });
  expect(open).toMatchObject({ code: 1, stderr: expect.stringContaining('TIDEMARK_AUTH=off would let everybody in who reaches 0.0.0.0') });
});
