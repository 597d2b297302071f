/** What `tidemark dev` says about its state, and how to go on from there. */
import { maskSecrets } from '../logging.ts';
import { workStats } from '../work/stats.ts';
import { DEMO_SHEET } from './demo-import.ts';
import type { DevEnvironment } from './dev-file.ts';
import { formatCount, formatEntries } from './print.ts';
import type { Screen } from './screen.ts';
import type { DatabaseContext } from './with-database.ts';

/** Before the worker starts: what an earlier run has left. */
export async function showWorkFound({ db }: DatabaseContext, screen: Screen): Promise<void> {
  const { groups } = await workStats(db);
  const sum = { waiting: 0, running: 0, done: 0, dead: 0, cancelled: 0, expired: 0 };
  for (const { depth } of groups) {
    for (const state of Object.keys(sum) as (keyof typeof sum)[]) sum[state] += depth[state];
  }
  const { rows } = await db.query(
    `select count(*)::integer as logs, coalesce(sum(next_sequence_id - first_sequence_id), 0)::text as entries from ${db.schema}.logs`,
  );
  const { logs, entries } = rows[0];
  if (logs === 0 && groups.length === 0) {
    screen.done('A new database: nothing in it yet');
    return;
  }
  const pending = sum.waiting + sum.running;
  const more = sum.dead > 0 ? `, ${formatCount(sum.dead)} dead (see tidemark work --state dead)` : '';
  screen.done(
    `Going on with what was kept: ${logs === 1 ? '1 log' : `${formatCount(logs)} logs`}, ${formatEntries(BigInt(entries))}; work: ${formatCount(pending)} pending, ${formatCount(sum.done)} finished${more}`,
  );
}

export function showReady(
  { databaseUrl, uiUrl, serverUrl }: DevEnvironment,
  screen: Screen,
  { demo, hasApp }: { demo: boolean; hasApp: boolean },
): void {
  const commands = demo
    ? [`npx tidemark show ${DEMO_SHEET} A1:G10`, 'npx tidemark work --stats', 'npx tidemark demo kill']
    : [...(hasApp ? ['npx tidemark work'] : ['npx tidemark init']), 'npx tidemark work --stats', 'npx tidemark doctor'];
  const webUi = uiUrl ? [`web UI    ${uiUrl}`] : [];
  const page = `page      ${serverUrl}/`;
  const addresses = demo ? [page, ''] : [page, `database  ${shownDatabase(databaseUrl)}`, ...webUi, ''];
  screen.box('Running until Ctrl-C. To try, in another terminal in this folder', [...addresses, ...commands]);
}

/** Its address, and where whoever wants to connect finds the password. */
export function shownDatabase(databaseUrl: string): string {
  const masked = maskSecrets(databaseUrl);
  return masked === databaseUrl ? masked : `${masked}   (password: dev.json in the data folder)`;
}
