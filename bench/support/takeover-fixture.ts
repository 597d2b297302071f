/** What the takeover of the tests needs of its fixture, over the bench's servers. */
import { fileURLToPath } from 'node:url';
import { inTransaction } from '../../src/postgres/transaction.ts';
import { registerWorkflows } from '../../src/work/register.ts';
import { SCRIPT_TABLES } from '../../test/support/scripted-app.ts';
import type { TakeoverFixture } from '../../test/support/takeover.ts';
import { until } from '../../test/support/until.ts';
import type { ChildSettings } from '../../test/support/worker-process.ts';
import { type Child, startChild } from './child.ts';
import type { Environment } from './environment.ts';

export async function createTakeoverFixture(environment: Environment): Promise<TakeoverFixture & { close(): Promise<void> }> {
  const { pool, db, owner, url } = await environment.database({ connections: 10 });
  const { address } = await environment.temporal();
  const blobsPath = await environment.folder();
  await owner.query(SCRIPT_TABLES);
  await registerWorkflows(db, ['step', 'long-step']);
  const children: Child[] = [];
  let logs = 0;

  return {
    database: { pool },
    async ask(scripts, { workflow = 'step', prefix = 'l' } = {}) {
      const ids = scripts.map(() => `${prefix}-${++logs}`);
      await inTransaction(pool, async (client) => {
        await client.query(`insert into tidemark.logs (id, type, next_sequence_id) select unnest($1::text[]), 'ledger', 1`, [ids]);
        await client.query(
          `insert into tidemark.entries (log_id, sequence_id, type, data, pending)
           select s.id, 0, 'Step', s.data::json, $3 from unnest($1::text[], $2::text[]) s (id, data)`,
          [ids, scripts.map((script) => JSON.stringify(script)), workflow],
        );
      });
      return ids.map((id) => `${workflow}/${id}/0`);
    },
    openGate: async (name) => void (await pool.query('insert into public.gate values ($1)', [name])),
    async untilAll(states, deadlineMs) {
      const isOver = async () => {
        const { rows } = await pool.query('select bool_and(state = any ($1)) as over from tidemark.work', [states]);
        return rows[0].over;
      };
      await until(`every unit is ${states.join(' or ')}`, isOver, deadlineMs);
    },
    async workerProcess({ starter }) {
      const settings: ChildSettings = {
        kind: 'worker',
        databaseUrl: url,
        temporalAddress: address,
        blobsPath,
        workflowBundlePath: fileURLToPath(new URL('../../src/workflow-bundle.js', import.meta.url)),
        starter,
      };
      const child = await startChild('test/support/child-program.js', settings);
      children.push(child);
      return child;
    },
    async close() {
      await Promise.all(children.map((child) => child.kill()));
    },
  };
}
