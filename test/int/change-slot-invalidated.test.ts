/** What Postgres does with a slot that holds more of its log than it may, on a server of its own, and how reading goes on. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readSlotStatus } from '../../src/changes/slot-status.ts';
import type { EmbeddedPostgres } from '../../src/embedded/postgres.ts';
import { onChange } from '../../src/index.ts';
import { inSchema } from '../../src/postgres/queryable.ts';
import { type ChangeFixture, createChangeFixture } from '../support/change-reader.ts';
import { createTemplateDatabase } from '../support/database.ts';
import { createTestDirectory, removePostgresData, startTestPostgres } from '../support/servers.ts';

const changes = [onChange('item', { snapshot: true }, () => {})];

let directory: Awaited<ReturnType<typeof createTestDirectory>>;
let postgres: EmbeddedPostgres;
let fixture: ChangeFixture;

beforeAll(async () => {
  directory = await createTestDirectory();
  postgres = await startTestPostgres(directory.path, {
    settings: { max_slot_wal_keep_size: '1MB', min_wal_size: '32MB', max_wal_size: '48MB' },
  });
  await createTemplateDatabase(postgres.url);
  fixture = await createChangeFixture('create table public.item (id integer primary key, note text)', { postgresUrl: postgres.url });
  await fixture.apply(changes);
}, 60_000);
afterAll(async () => {
  await fixture?.close();
  await postgres?.stop();
  if (postgres) removePostgresData(postgres);
  await directory?.remove();
});

const sql = (text: string) => fixture.database.ownerPool.query(text);
const status = async () => (await readSlotStatus(inSchema(fixture.pool)))[0];

test('a slot that was invalidated ends the reader; recovered, the gap is written down and the rows are read again', async () => {
  await sql(`insert into item values (1, 'seen')`);
  const first = fixture.reader(changes);
  await first.untilReading();
  await fixture.untilStored('changes.public.item', 1);
  expect(await status()).toMatchObject({ state: 'reading', gaps: 0, safeBytes: expect.any(Number) });
  await first.stop();

  await sql(`insert into item values (2, 'missed')`);
  for (let segment = 0; segment < 6 && (await status())?.state !== 'lost'; segment += 1) {
    await sql(`select pg_switch_wal()`);
    await sql(`insert into item select 1000 + n, repeat('x', 100) from generate_series(1, 1000) n`);
    await sql('delete from item where id > 1000');
    await sql('checkpoint');
  }
  expect(await status()).toMatchObject({ state: 'lost' });
  await expect(fixture.reader(changes).ended).rejects.toMatchObject({
    code: 'slot_lost',
    message: expect.stringContaining('max_slot_wal_keep_size'),
  });

  const reader = fixture.reader(changes, { recover: true });
  await reader.untilReading();
  const stored = await fixture.untilStored('changes.public.item', 3);
  expect(stored.map(({ op, key }) => `${op}${key.id}`)).toEqual(['r1', 'r1', 'r2']);
  expect(await status()).toMatchObject({ state: 'reading', gaps: 1 });
  await reader.stop();
}, 60_000);
