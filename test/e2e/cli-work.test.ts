import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createFolder, runCli } from '../support/cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { temporalAddress } from '../support/servers.ts';

let database: TestDatabase;
let folder: ReturnType<typeof createFolder>;
let env: Record<string, string>;

beforeAll(async () => {
  database = await createTestDatabase();
  folder = createFolder();
  env = { DATABASE_URL: database.appUrl, TEMPORAL_ADDRESS: temporalAddress() };
});
afterAll(async () => {
  await database.drop();
  folder.remove();
});
beforeEach(async () => {
  await database.ownerPool.query('delete from tidemark.work; delete from tidemark.logs');
  await database.ownerPool.query(`insert into tidemark.logs (id, type) values ('a', 'sheet'), ('b', 'sheet'), ('c', 'account')`);
});

const cli = (args: string[], more: Record<string, string> = {}) => runCli(args, { cwd: folder.path, env: { ...env, ...more } });

async function json(args: string[], expectedCode = 0) {
  const { code, stdout, stderr } = await cli([...args, '--json']);
  expect({ code, stderr }).toEqual({ code: expectedCode, stderr: '' });
  return JSON.parse(stdout);
}

/** An entry whose snapshot is asked for, and has given up. */
async function addDead(log: string, error: { code: string; message: string }): Promise<string> {
  const { ownerPool } = database;
  const { rows } = await ownerPool.query(
    `select next_sequence_id - 1 as id from tidemark.append_entries($1, null, '{A}', '{"{}"}', null, null, '{snapshot}')`,
    [log],
  );
  const id = `snapshot/${log}/${rows[0].id}`;
  await ownerPool.query(`update tidemark.work set state = 'claimed', execution = 'x/' || id where id = $1`, [id]);
  await ownerPool.query(`update tidemark.work set state = 'dead', error = $2, finished_at = now(), attempt = 3 where id = $1`, [
    id,
    JSON.stringify(error),
  ]);
  return id;
}

async function states(): Promise<Record<string, string>> {
  const { rows } = await database.ownerPool.query('select id, state from tidemark.work');
  return Object.fromEntries(rows.map((row) => [row.id, row.state]));
}

describe('tidemark work', () => {
  test('lists units with their error, and one with all there is to know', async () => {
    const id = await addDead('a', { code: 'corrupt_blob', message: "Blob 'x' cannot be used: cut short." });
    const { stdout } = await cli(['work', '--state', 'dead']);
    expect(stdout).toMatch(new RegExp(`^${id} +dead +sheet +3 +\\S+ \\w+ +corrupt_blob: Blob 'x' cannot be used`, 'm'));
    const one = await cli(['work', id]);
    expect(one).toMatchObject({ code: 0, stderr: '' });
    expect(one.stdout).toContain('state       dead, group sheet, attempts 3');
    expect(one.stdout).toContain("error       corrupt_blob: Blob 'x' cannot be used: cut short.");
    expect(one.stdout).toContain('execution   x/snapshot/a/0');
    expect((await json(['work', '--group', 'account'])).units).toEqual([]);
    const missing = await cli(['work', 'snapshot/a/99']);
    expect(missing).toMatchObject({ code: 1, stdout: 'snapshot/a/99: there is no such unit.\n' });
  });

  test('pages', async () => {
    for (const log of ['a', 'b', 'c']) await addDead(log, { code: 'x', message: 'x' });
    const first = await json(['work', '--limit', '2']);
    const second = await json(['work', '--limit', '2', '--after', first.next]);
    expect([...first.units, ...second.units].map(({ id }: { id: string }) => id)).toEqual(['snapshot/c/0', 'snapshot/b/0', 'snapshot/a/0']);
    expect(second.next).toBeUndefined();
    const { code, stderr } = await cli(['work', '--after', 'nonsense']);
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^tidemark: 'nonsense' is not the place where a page ended[^\n]+\n$/),
    });
  });

  test('--stats says depth and oldest per group, and what the sweep found', async () => {
    await addDead('a', { code: 'x', message: 'x' });
    await database.ownerPool.query(`select * from tidemark.append_entries('b', null, '{A}', '{"{}"}', null, null, '{snapshot}')`);
    await database.ownerPool.query(`update tidemark.work set not_before = now() - interval '10 minutes' where state = 'ready'`);
    const { groups, sweep } = await json(['work', '--stats']);
    const sheet = groups.find(({ group }: { group: string }) => group === 'sheet');
    expect(sheet).toMatchObject({ depth: { waiting: 1, dead: 1, running: 0 } });
    expect(sheet.oldestWaitingMs).toBeGreaterThanOrEqual(600_000);
    expect(sweep).toMatchObject({ expired_lease: 0, gone_execution: 0 });
    const { stdout } = await cli(['work', '--stats']);
    expect(stdout).toMatch(/^sheet +1 +10 min +0 +- +0 +1 +0 +0$/m);
    expect(stdout).toContain('gone execution 0');
  });
});

describe('tidemark work redrive', () => {
  test('counts first, and does nothing without --yes', async () => {
    await addDead('a', { code: 'corrupt_blob', message: 'one' });
    await addDead('b', { code: 'corrupt_blob', message: 'two' });
    await addDead('c', { code: 'fold_failed', message: 'three' });
    const dry = await cli(['work', 'redrive', '--group', 'sheet']);
    expect(dry).toMatchObject({ code: 0, stderr: '' });
    expect(dry.stdout).toMatch(/^sheet +corrupt_blob +2 +two$/m);
    expect(dry.stdout).toContain('Nothing done yet: add --yes to redrive these 2.');
    expect(Object.values(await states())).toEqual(['dead', 'dead', 'dead']);
    const done = await cli(['work', 'redrive', '--group', 'sheet', '--error', 'CORRUPT', '--yes']);
    expect(done.stdout).toContain('Redriven: 2.');
    expect(await states()).toEqual({ 'snapshot/a/0': 'ready', 'snapshot/b/0': 'ready', 'snapshot/c/0': 'dead' });
  });

  test('--errors shows what errors have in common, and a fingerprint to redrive them by', async () => {
    await addDead('a', { code: 'blob_not_found', message: "There is no blob 'x'." });
    await addDead('c', { code: 'blob_not_found', message: "There is no blob 'y'." });
    await addDead('b', { code: 'fold_failed', message: 'three' });
    const { errors } = await json(['work', '--errors']);
    expect(errors).toMatchObject([
      { code: 'blob_not_found', units: 2, groups: ['account', 'sheet'], message: "There is no blob 'y'." },
      { code: 'fold_failed', units: 1 },
    ]);
    const [{ fingerprint }] = errors;
    const { stdout } = await cli(['work', '--errors']);
    expect(stdout).toMatch(new RegExp(`^${fingerprint} +2 +account, sheet +\\S+ \\w+ +blob_not_found: There is no blob 'y'.$`, 'm'));
    expect(await json(['work', 'redrive', '--fingerprint', fingerprint, '--yes'])).toMatchObject({ dead: 2, changed: 2 });
    expect(await states()).toMatchObject({ 'snapshot/b/0': 'dead', 'snapshot/a/0': 'ready' });
  });

  test('by age leaves younger ones alone', async () => {
    const old = await addDead('a', { code: 'x', message: 'x' });
    await addDead('b', { code: 'x', message: 'x' });
    await database.ownerPool.query(`update tidemark.work set finished_at = now() - interval '3 hours' where id = $1`, [old]);
    expect(await json(['work', 'redrive', '--state', 'dead', '--age', '2h', '--yes'])).toMatchObject({ dead: 1, changed: 1 });
    expect(await states()).toEqual({ 'snapshot/a/0': 'ready', 'snapshot/b/0': 'dead' });
  });

  test('by id says what was not dead, and ends with 1', async () => {
    const id = await addDead('a', { code: 'x', message: 'x' });
    const value = await json(['work', 'redrive', id, 'snapshot/none/0', '--yes'], 1);
    expect(value).toMatchObject({ dead: 1, changed: 1, notDead: [{ id: 'snapshot/none/0', state: 'unknown' }] });
  });
});

test('tidemark work discard cancels units and clears what their entries ask for', async () => {
  const id = await addDead('a', { code: 'x', message: 'x' });
  const { code, stdout } = await cli(['work', 'discard', id, '--yes']);
  expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('Discarded: 1.') });
  expect(await states()).toEqual({ [id]: 'cancelled' });
  const { rows } = await database.ownerPool.query(`select pending from tidemark.entries where log_id = 'a'`);
  expect(rows).toEqual([{ pending: null }]);
});

describe('tidemark doctor', () => {
  const finding = (value: { findings: { check: string; state: string; found: string; fix?: string }[] }, check: string) =>
    value.findings.find((one) => one.check === check);

  test('finds nothing wrong where all is well, and says what it looked at', async () => {
    const value = await json(['doctor']);
    expect(value.ok).toBe(true);
    for (const check of [
      'program',
      'packages',
      'blobs',
      'postgres',
      'settings',
      'roles',
      'migrations',
      'hints',
      'work',
      'grants',
      'subscriptions',
      'temporal',
      'namespace',
      'search attributes',
    ]) {
      expect(finding(value, check), check).toMatchObject({ state: 'ok' });
    }
    // Nobody polls this database's task queue.
    expect(finding(value, 'workers')).toMatchObject({ state: 'warning', fix: expect.stringContaining('tidemark worker') });
    const { stdout } = await cli(['doctor']);
    expect(stdout).toContain('All is well.');
    expect(stdout).not.toContain(new URL(database.appUrl).password);
  });

  test('says where the blobs are when they are in the database, and looks at no folder', async () => {
    const { stdout } = await cli(['doctor', '--json'], { TIDEMARK_BLOBS: 'postgres:', TIDEMARK_DATA: '/nowhere/at/all' });
    const { findings } = JSON.parse(stdout);
    expect(findings.filter(({ check }: { check: string }) => check === 'blobs')).toEqual([
      { check: 'blobs', state: 'ok', found: expect.stringMatching(/^in this database \(TIDEMARK_BLOBS=postgres:\), \d+ k?B on its disk$/) },
    ]);
  });

  test('names servers that do not answer, and ends with 1', async () => {
    const { code, stdout } = await cli(['doctor', '--json'], {
      DATABASE_URL: 'postgres://app:hunter2@127.0.0.1:1/x',
      TEMPORAL_ADDRESS: '127.0.0.1:1',
    });
    expect(code).toBe(1);
    const value = JSON.parse(stdout);
    expect(value.ok).toBe(false);
    expect(finding(value, 'postgres')).toMatchObject({ state: 'wrong', found: expect.stringContaining('127.0.0.1:1') });
    expect(finding(value, 'temporal')).toMatchObject({ state: 'wrong', found: expect.stringContaining('127.0.0.1:1') });
    expect(stdout).not.toContain('hunter2');
  });

  test('says what to do about a schema without migrations and a namespace that is not there', async () => {
    const { code, stdout } = await cli(['doctor', '--json'], { TIDEMARK_SCHEMA: 'elsewhere', TEMPORAL_NAMESPACE: 'nowhere' });
    expect(code).toBe(1);
    const value = JSON.parse(stdout);
    expect(finding(value, 'database')).toMatchObject({ state: 'wrong', found: expect.stringContaining("run 'tidemark migrate'") });
    expect(finding(value, 'namespace')).toMatchObject({
      state: 'wrong',
      fix: expect.stringContaining('temporal operator namespace create'),
    });
  });

  test('names a grant that is missing, and a subscription that no worker knows', async () => {
    const { ownerPool } = database;
    await ownerPool.query(`revoke select on tidemark.message from tidemark_reader`);
    await ownerPool.query(`insert into tidemark.work_group (name) values ('mail') on conflict do nothing`);
    await ownerPool.query(
      `insert into tidemark.subscription (name, topic, used_at) values ('mail', 'order-placed', now() - interval '5 days')`,
    );
    try {
      const value = await json(['doctor'], 1);
      expect(finding(value, 'grants')).toMatchObject({
        state: 'wrong',
        fix: 'Run, as the owner: grant select on tidemark.message to tidemark_reader;',
      });
      expect(finding(value, 'subscriptions')).toMatchObject({
        state: 'warning',
        found: 'mail: no worker has known it for 5 d, 0 waiting',
        fix: expect.stringContaining('tidemark subscriptions remove mail'),
      });
    } finally {
      await ownerPool.query(`grant select on tidemark.message to tidemark_reader; delete from tidemark.subscription`);
    }
  });

  test('notices a role that is no member of tidemark_app, dead work, and work that nobody carries out', async () => {
    await addDead('a', { code: 'x', message: 'x' });
    await database.ownerPool.query(`select * from tidemark.append_entries('b', null, '{A}', '{"{}"}', null, null, '{snapshot}')`);
    await database.ownerPool.query(`update tidemark.work set not_before = now() - interval '10 minutes' where state = 'ready'`);
    const value = await json(['doctor']);
    expect(value.findings.filter(({ check }: { check: string }) => check === 'work').map(({ found }: { found: string }) => found)).toEqual([
      '1 dead',
      expect.stringMatching(/^group sheet: 1 waiting, the oldest for 10 min$/),
    ]);
    const outsider = `outsider_${database.name}`;
    await database.ownerPool.query(`create role ${outsider} login password 'x'`);
    try {
      const url = new URL(database.appUrl);
      url.username = outsider;
      url.password = 'x';
      const { code, stdout } = await cli(['doctor', '--json'], { DATABASE_URL: url.href });
      expect(code).toBe(1);
      expect(finding(JSON.parse(stdout), 'roles')).toMatchObject({
        state: 'wrong',
        fix: expect.stringContaining(`grant tidemark_app to "${outsider}"`),
      });
    } finally {
      await database.ownerPool.query(`drop role ${outsider}`);
    }
  });
});

describe('tidemark migrate', () => {
  test('brings an empty schema to this version, once', async () => {
    const ownerEnv = { DATABASE_URL: database.ownerUrl };
    const first = await cli(['migrate', '--schema', 'second', '--json'], ownerEnv);
    expect(first.code).toBe(0);
    expect(JSON.parse(first.stdout)).toMatchObject({ schema: 'second', ran: expect.arrayContaining(['0001_log-and-work']) });
    const again = await cli(['migrate', '--schema', 'second'], ownerEnv);
    expect(again.stdout).toBe("Schema 'second' is up to date.\n");
    const work = await cli(['work'], { TIDEMARK_SCHEMA: 'second' });
    expect(work).toMatchObject({ code: 0, stdout: 'No units of work.\n' });
    const refused = await cli(['work'], { TIDEMARK_SCHEMA: 'third' });
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/^tidemark: There is no Tidemark in schema 'third'[^\n]+\n$/) });
  });
});
