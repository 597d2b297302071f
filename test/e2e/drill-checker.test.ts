/** The drill's checker reports whatever is wrong: each test breaks one thing in an installation that it finds nothing wrong with. */
import { createHash } from 'node:crypto';
import { appendFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { checkDrill } from '../drill/checker/check.ts';
import { createDrillFixture, type DrillCopy, type DrillFixture } from './drill-fixture.ts';

let fixture: DrillFixture;
let drill: DrillCopy;

beforeAll(async () => {
  fixture = await createDrillFixture();
});
afterAll(() => fixture?.drop());
beforeEach(async () => {
  drill = await fixture.copy();
});
afterEach(() => drill?.drop());

const findings = async () => (await checkDrill(drill)).findings;

/** Past the drill's own triggers and the product's, as a fault of the database would be. */
async function corrupt(sql: string, values: unknown[] = []): Promise<void> {
  const client = await drill.owner.connect();
  try {
    await client.query('begin');
    await client.query('set local session_replication_role = replica');
    const { rowCount } = await client.query(sql, values);
    expect(rowCount).toBe(1);
    await client.query('commit');
  } finally {
    client.release();
  }
}

test('nothing, where nothing is wrong', async () => {
  const { findings, checked } = await checkDrill(drill);
  expect(findings).toEqual([]);
  expect(checked).toMatchObject({ logs: 5, entries: 504, acknowledgedAppends: 67, archivedEntries: 10, erasedSecrets: 1 });
  expect(checked).toMatchObject({ messages: 5, inOrder: 3, deliveries: 9, deaths: 3 });
  expect(checked).toMatchObject({ changes: 12, changesHandled: 6 });
  expect(checked.snapshots).toBeGreaterThan(5);
  expect(checked.removedEntries).toBeGreaterThan(0);
});

test('its code shares nothing with the product', async () => {
  const folder = new URL('../drill/checker/', import.meta.url);
  const files = await readdir(folder);
  expect(files.length).toBeGreaterThan(5);
  for (const file of files) {
    const imports = [...(await readFile(new URL(file, folder), 'utf8')).matchAll(/^(?:import|export) .*from '([^']+)';$/gm)];
    expect(imports.map((match) => match[1]).filter((from) => !/^(node:[\w/]+|pg|\.\/[\w-]+\.ts)$/.test(from ?? ''))).toEqual([]);
  }
});

describe('entries', () => {
  test('one that is gone from the middle of a log', async () => {
    await corrupt(`delete from tidemark.entries where log_id = 'account' and sequence_id = 12`);
    expect(await findings()).toContain('entries account/12 to 12 are gone');
    expect(await findings()).toContain('entry account/12 of append account-6 was acknowledged and is not there');
  });

  test('one that was removed behind the beginning of its log', async () => {
    await drill.owner.query(`delete from tidemark.entries where log_id = 'account' and sequence_id = 12`);
    expect(await findings()).toEqual(['entry account/12 was removed, and the log begins at 0']);
  });

  test('the last ones of a log', async () => {
    await corrupt(`delete from tidemark.entries where log_id = 'cells' and sequence_id = 29`);
    expect(await findings()).toContain('log cells ends at 29 and says that its next entry is 30');
  });

  test('an acknowledged append that is not there', async () => {
    await appendFile(
      drill.acknowledgedFile,
      `${JSON.stringify({ outcome: 'acknowledged', append: 'lost', log: 'account', first: '60', entries: [{ type: 'Opened', owner: 'x' }] })}\n`,
    );
    expect(await findings()).toEqual(['entry account/60 of append lost was acknowledged and is not there']);
  });

  test('one whose content is not what was appended', async () => {
    await corrupt(`update tidemark.entries set data = '{"cents":2}' where log_id = 'account' and sequence_id = 56 and type = 'Deposited'`);
    expect(await findings()).toContainEqual(
      expect.stringMatching(/^entry account\/56 of append account-28 is not what was appended: \{"cents":2\} instead of/),
    );
  });

  test('an append that is there twice', async () => {
    await corrupt(
      `insert into tidemark.entries (log_id, sequence_id, type, data, correlation_id)
       select log_id, 60, type, data, correlation_id from tidemark.entries where log_id = 'account' and sequence_id = 20`,
    );
    await corrupt(`update tidemark.logs set next_sequence_id = 61 where id = 'account'`);
    expect(await findings()).toContain('append account-10 is there twice: again at account/60');
  });

  test('one that is still pending', async () => {
    await corrupt(`update tidemark.entries set pending = 'snapshot' where log_id = 'account' and sequence_id = 30`);
    expect(await findings()).toEqual(['entry account/30 is still pending: snapshot']);
  });
});

describe('histories', () => {
  test('a segment that is gone', async () => {
    const folder = await drill.blobsOf('archive');
    await rm(join(folder, (await readdir(folder)).find((name) => name.startsWith('segment-')) as string));
    expect(await findings()).toEqual([
      expect.stringMatching(/^history history-8-\S+ of entry archive\/8: blob segment-0-\S+ cannot be read/),
    ]);
  });

  test('one that the entry does not name any more, while its entries have left the log', async () => {
    await corrupt(`update tidemark.entries set history = null where log_id = 'archive' and sequence_id = 8`);
    expect(await findings()).toEqual(['entries archive/0 to 7 left the log in a compaction, and are in no history']);
  });

  test('an entry that is archived as another', async () => {
    await corrupt(`update drill.removed_entry set correlation_id = 'archive-1' where log_id = 'archive' and sequence_id = 7`);
    expect(await findings()).toContainEqual(expect.stringMatching(/^entry archive\/7 is archived as \["\w+",.*, which it is not$/));
  });
});

describe('snapshots', () => {
  const newestSnapshot = async (logId: string): Promise<{ sequenceId: string; name: string }> => {
    const { rows } = await drill.owner.query(
      `select sequence_id as "sequenceId", snapshot as name from tidemark.entries where log_id = $1 and snapshot is not null
       order by sequence_id desc limit 1`,
      [logId],
    );
    return rows[0];
  };
  const read = async (logId: string, name: string) => JSON.parse(gunzipSync(await readFile(join(drill.blobsDir, logId, name))).toString());
  /** Under the name that its content gives it. */
  const write = async (logId: string, prefix: string, content: unknown): Promise<{ name: string; hash: string }> => {
    const text = JSON.stringify(content);
    const hash = createHash('sha256').update(text).digest('hex');
    const name = `${prefix}-${hash}.gz`;
    await writeFile(join(await drill.blobsOf(logId), name), gzipSync(text));
    return { name, hash };
  };
  const setSnapshot = (logId: string, sequenceId: string, name: string) =>
    corrupt('update tidemark.entries set snapshot = $3 where log_id = $1 and sequence_id = $2', [logId, sequenceId, name]);
  const withoutHash = (name: string) => name.slice(0, name.lastIndexOf('-'));

  test('a sheet with one cell flipped, in blobs that are whole', async () => {
    const { sequenceId, name } = await newestSnapshot('cells');
    const root = await read('cells', name);
    const tile = await read('cells', `tile-${root.tiles.hash[0]}.gz`);
    tile.values[3] = 'flipped';
    root.tiles.hash[0] = (await write('cells', 'tile', tile)).hash;
    await setSnapshot('cells', sequenceId, (await write('cells', withoutHash(name), root)).name);
    expect(await findings()).toEqual([
      expect.stringMatching(new RegExp(`of entry cells/${sequenceId}: row \\d+, column \\d+ is \\["string","flipped",.*\\] instead of`)),
    ]);
  });

  test('a sheet whose format of one cell is another one', async () => {
    const { sequenceId, name } = await newestSnapshot('cells');
    const root = await read('cells', name);
    const tiles: { formats?: string[] }[] = await Promise.all(root.tiles.hash.map((hash: string) => read('cells', `tile-${hash}.gz`)));
    const index = tiles.findIndex((tile) => tile.formats);
    const tile = tiles[index] as { formats: string[] };
    tile.formats[0] = 'other';
    root.tiles.hash[index] = (await write('cells', 'tile', tile)).hash;
    await setSnapshot('cells', sequenceId, (await write('cells', withoutHash(name), root)).name);
    expect(await findings()).toEqual([expect.stringMatching(/"other"\] instead of/)]);
  });

  test('a large sheet that lacks a tile', async () => {
    const { sequenceId, name } = await newestSnapshot('scattered');
    const root = await read('scattered', name);
    for (const list of Object.values<unknown[]>(root.pages)) list.pop();
    await setSnapshot('scattered', sequenceId, (await write('scattered', withoutHash(name), root)).name);
    expect(await findings()).toEqual([expect.stringMatching(/is empty instead of/)]);
  });

  test('a sheet that counts its cells wrong', async () => {
    const { sequenceId, name } = await newestSnapshot('cells');
    const root = await read('cells', name);
    root.cells += 1;
    await setSnapshot('cells', sequenceId, (await write('cells', withoutHash(name), root)).name);
    expect(await findings()).toEqual([expect.stringMatching(/it says that it has \d+ cells, \d+ rows, \d+ columns instead of/)]);
  });

  test('an account that is off by a cent', async () => {
    const { sequenceId, name } = await newestSnapshot('account');
    const content = await read('account', name);
    content.state.balanceCents += 1;
    await setSnapshot('account', sequenceId, (await write('account', withoutHash(name), content)).name);
    expect(await findings()).toEqual([expect.stringMatching(/balanceCents of its state is \d+ instead of \d+/)]);
  });

  test('one of an entry too late', async () => {
    const { sequenceId, name } = await newestSnapshot('account');
    await corrupt(`update tidemark.entries set snapshot = null where log_id = 'account' and sequence_id = $1`, [sequenceId]);
    await setSnapshot('account', String(Number(sequenceId) + 1), name);
    expect(await findings()).toEqual([expect.stringMatching(/sequenceId of the snapshot is "\d+" instead of "\d+"/)]);
  });

  test('a blob whose content was changed under its name', async () => {
    const { name } = await newestSnapshot('account');
    const file = join(await drill.blobsOf('account'), name);
    const content = JSON.parse(gunzipSync(await readFile(file)).toString());
    await writeFile(file, gzipSync(JSON.stringify({ ...content, more: 1 })));
    expect(await findings()).toEqual([expect.stringMatching(/does not match the hash in its name/)]);
  });

  test('a blob that was never written', async () => {
    const { sequenceId } = await newestSnapshot('account');
    await setSnapshot('account', sequenceId, `state-v1-${sequenceId}-${'0'.repeat(64)}.gz`);
    expect(await findings()).toEqual([expect.stringMatching(/cannot be read \(ENOENT\)/)]);
  });
});

describe('erased values', () => {
  test('one that is still in the history', async () => {
    const folder = await drill.blobsOf('people');
    const name = (await readdir(folder)).find((found) => found.startsWith('segment-0-')) as string;
    const content = JSON.parse(gunzipSync(await readFile(join(folder, name))).toString());
    content.entries[0][1] = content.entries[0][1].replace('[erased]', 'secret-1');
    const text = JSON.stringify(content);
    const other = `segment-0-${createHash('sha256').update(text).digest('hex')}.gz`;
    await writeFile(join(folder, other), gzipSync(text));
    // A root that nothing refers to may name it; that it is there is enough.
    expect(await findings()).toEqual([`secret-1 of log people was erased, and is in blob ${other}`]);
  });

  test('one that is still in an entry, and in what a unit has noted', async () => {
    await corrupt(
      `insert into tidemark.entries (log_id, sequence_id, type, data)
       select log_id, 4, type, '{"row":9,"column":9,"value":"secret-1"}' from tidemark.entries where log_id = 'people' and sequence_id = 2`,
    );
    await corrupt(`update tidemark.work set result = '{"said":"secret-1"}' where log_id = 'people' and workflow = 'erase'`);
    const found = await findings();
    expect(found).toContain('secret-1 of log people was erased, and is in entries 4');
    expect(found).toContain('secret-1 of log people was erased, and is in work erase/people/3');
  });

  test('an entry that was changed and not erased', async () => {
    await corrupt(
      `update tidemark.entries set data = '{"row":2,"column":0,"value":"[erased]"}' where log_id = 'people' and sequence_id = 2`,
    );
    expect(await findings()).toContainEqual(expect.stringMatching(/^entry people\/2 of append people-1 is not what was appended/));
  });
});

describe('work', () => {
  const NEWEST = `(select max(sequence_id) from drill.ended where log_id = 'account')`;

  test('a completion that is there twice', async () => {
    await corrupt(`insert into drill.ended select * from drill.ended where log_id = 'account' and sequence_id = ${NEWEST}`);
    expect(await findings()).toContainEqual(expect.stringMatching(/^unit of account\/\d+, epoch \d+, completed 2 times$/));
  });

  test('an entry that was cleared twice', async () => {
    await corrupt(`insert into drill.cleared select * from drill.cleared where log_id = 'account' and sequence_id = ${NEWEST}`);
    expect(await findings()).toEqual([expect.stringMatching(/^entry account\/\d+ was cleared 2 times in epoch \d+$/)]);
  });

  test('a unit that completed in two epochs though it was asked for once', async () => {
    await corrupt(
      `insert into drill.ended (log_id, sequence_id, epoch, state)
       select log_id, sequence_id, epoch + 1000, state from drill.ended where log_id = 'account' and sequence_id = ${NEWEST}`,
    );
    expect(await findings()).toContainEqual(expect.stringMatching(/^entry account\/\d+ asked for work 1 times, and 2 units of it ended$/));
  });

  test('an entry that asked for work and whose unit never ended', async () => {
    await corrupt(`delete from drill.ended where log_id = 'account' and sequence_id = ${NEWEST}`);
    expect(await findings()).toContainEqual(expect.stringMatching(/^entry account\/\d+ asked for work 1 times, and 0 units of it ended$/));
  });

  test('a unit that was cancelled though its entry is there', async () => {
    await corrupt(`update drill.ended set state = 'cancelled' where log_id = 'account' and sequence_id = ${NEWEST}`);
    expect(await findings()).toContainEqual(
      expect.stringMatching(/^unit of account\/\d+ was cancelled in epoch \d+, and its entry is there$/),
    );
  });

  test.each(['waiting', 'ready', 'claimed', 'started', 'dead'])('a unit that is still %s', async (state) => {
    await corrupt(`update tidemark.work set state = $1 where log_id = 'account' and sequence_id = ${NEWEST}`, [state]);
    expect(await findings()).toEqual([expect.stringMatching(new RegExp(`^unit snapshot/account/\\d+ is ${state} `))]);
  });
});

describe('messages', () => {
  const idOf = async (name: string) =>
    (await drill.owner.query(`select id from tidemark.message where data ->> 'name' = $1`, [name])).rows[0].id;

  test('one that was acknowledged and is in no table', async () => {
    await appendFile(drill.publishedFile, `${JSON.stringify({ outcome: 'acknowledged', names: ['gone'] })}\n`);
    expect(await findings()).toEqual(['message gone was acknowledged and is not there']);
  });

  test('one that is gone from the messages', async () => {
    await corrupt(`delete from tidemark.message where data ->> 'name' = 'third'`);
    expect(await findings()).toEqual(['message third was published in 1 transactions, and is there 0 times']);
  });

  test('one that a transaction left behind which was rolled back', async () => {
    await corrupt(`delete from drill.published where name = 'quiet'`);
    expect(await findings()).toContain('message quiet was published in 0 transactions, and is there 1 times');
  });

  test('one that a subscription has not handled, and one that it has handled twice', async () => {
    await corrupt(`delete from drill.handled where subscription = 'drill-notes' and name = 'quiet'`);
    await corrupt(`insert into drill.handled (subscription, message_id, name, attempt)
      select subscription, message_id, name, 2 from drill.handled where subscription = 'drill-buried'`);
    expect(await findings()).toEqual([
      expect.stringMatching(/^message \d+ \(buried\) was handled by drill-buried 2 times$/),
      expect.stringMatching(/^message \d+ \(quiet\) was handled by drill-notes 0 times$/),
    ]);
  });

  test.each([
    ['never', `delete from drill.effect where name = 'first'`, 0],
    ['twice', `insert into drill.effect (name) values ('first')`, 2],
  ])('one whose effect in a transaction of its own came %s', async (_, sql, times) => {
    await corrupt(sql);
    expect(await findings()).toEqual([
      `message ${await idOf('first')} (first) has had its effect in a transaction of its own ${times} times`,
    ]);
  });

  test('one of a key that was handled before those that were committed before it', async () => {
    await corrupt(`update drill.published set number = 0 where name = 'third'`);
    expect(await findings()).toContain('message third, number 0 of key, was handled after second, number 2');
  });

  test('one whose delivery is not there, or not done', async () => {
    const id = await idOf('first');
    await corrupt(`delete from drill.delivery_ended where work_id = $1`, [`delivery/drill-once/${id}`]);
    expect(await findings()).toEqual([`message ${id} (first) has no delivery to drill-once that is done`]);
    await corrupt(`update tidemark.work set state = 'expired' where id = $1`, [`delivery/drill-ordered/${id}`]);
    expect(await findings()).toContainEqual(expect.stringContaining(`unit delivery/drill-ordered/${id} is expired`));
  });

  test('one that ended twice in an epoch', async () => {
    const id = await idOf('first');
    await corrupt(`insert into drill.delivery_ended select * from drill.delivery_ended where work_id = $1`, [`delivery/drill-once/${id}`]);
    expect(await findings()).toEqual([
      expect.stringMatching(new RegExp(`^delivery/drill-once/${id}, epoch \\d+, ended more than once: done, done$`)),
      `delivery/drill-once/${id} was done 2 times, and its last end is done`,
    ]);
  });

  test('one that died after it was done', async () => {
    const id = await idOf('first');
    await corrupt(
      `insert into drill.delivery_ended (work_id, subscription, epoch, state)
       select work_id, subscription, epoch + 1, 'dead' from drill.delivery_ended where work_id = $1`,
      [`delivery/drill-once/${id}`],
    );
    expect(await findings()).toEqual([`delivery/drill-once/${id} was done 1 times, and its last end is dead`]);
  });

  test('one that died and was not published as a dead letter', async () => {
    await corrupt(`update tidemark.message set attributes = null where topic = 'drill-dead'`);
    expect(await findings()).toContainEqual(expect.stringMatching(/^message \d+ died 1 times, and 0 dead letters were published of it$/));
  });
});

describe('changes of rows', () => {
  const of = (table: string, op: string, id: number) =>
    `topic = 'changes.drill.${table}' and data ->> 'op' = '${op}' and data -> 'key' ->> 'id' = '${id}'`;

  test('one that was not read', async () => {
    await corrupt(`delete from tidemark.message where ${of('stored', 'c', 1)}`);
    expect(await findings()).toEqual([
      'change c of stored 1 was committed 1 times, and is stored 0 times',
      'stored 1 is 0, and by its last change not there',
    ]);
  });

  test('one that was read twice', async () => {
    await corrupt(`insert into tidemark.message (topic, data) select topic, data from tidemark.message where ${of('stored', 'u', 2)}`);
    expect(await findings()).toEqual([
      'change u of stored 2 was committed 1 times, and is stored 2 times',
      'change u (1) of stored 2 was stored after u (1)',
    ]);
  });

  test('one of a transaction that was rolled back', async () => {
    await corrupt(`delete from drill.changed where table_name = 'stored' and op = 'd'`);
    expect(await findings()).toEqual(['change d of stored 3 was committed 0 times, and is stored 1 times']);
  });

  test('one that was stored before those that were committed before it', async () => {
    await corrupt(`update tidemark.message set id = default where ${of('stored', 'c', 2)}`);
    expect(await findings()).toEqual([
      'change u (1) of stored 2 was stored after none (null)',
      'change c (0) of stored 2 was stored after u (1)',
      'stored 2 is 1, and by its last change 0',
    ]);
  });

  test('one that was not handled, and one that was handled twice', async () => {
    await corrupt(`delete from drill.change_handled where op = 'd'`);
    await corrupt(`insert into drill.change_handled (op, id, v) values ('c', 1, 0)`);
    expect(await findings()).toEqual([
      'change c of watched 1 was committed 1 times, and was handled 2 times',
      'change d of watched 3 was committed 1 times, and was handled 0 times',
      'change c (0) of watched 1 was handled after c (0)',
    ]);
  });

  test('one that was handled before those of its row that came before it', async () => {
    await corrupt(`update drill.change_handled set number = default where op = 'c' and id = 2`);
    expect(await findings()).toEqual([
      'change u (1) of watched 2 was handled after none (null)',
      'change c (0) of watched 2 was handled after u (1)',
    ]);
  });
});
