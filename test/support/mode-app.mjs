/** An application whose process is asked over HTTP (CONTROL_PORT) to enqueue its jobs: run by `tidemark run` in each of its modes. From dist/. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { z } from 'zod';
import { createTidemark, defineJob, defineTopics, defineWorker } from '../../dist/index.js';

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 20 });
pool.on('error', () => {});
const topics = defineTopics({ noted: z.object({ by: z.string() }) });
const told = defineWorker(topics, { topic: 'noted', subscription: 'told', handler: () => {} });

/** Seen at once, whatever becomes of the attempt. */
const see = (what, attempt) => pool.query('insert into public.seen (what, attempt, pid) values ($1, $2, $3)', [what, attempt, process.pid]);

const kinds = {
  async sum({ id, numbers }, { db }) {
    await db.query('insert into public.effect values ($1)', [id]);
    return { total: numbers.reduce((a, b) => a + b, 0) };
  },
  async flaky(_, { idempotencyKey }) {
    const { rows } = await pool.query('select failures from tidemark.work where id = $1', [idempotencyKey]);
    if (rows[0].failures < 2) throw new Error('not yet');
  },
  broken() {
    throw new Error('broken');
  },
  async hang({ id }, { signal, attempt }) {
    if (!signal.aborted) await once(signal, 'abort');
    await see(`${id} aborted`, attempt);
  },
  async progress(_, { progress, signal }) {
    await progress({ fraction: 0.5, message: 'half', counts: { rows: 7 } });
    while ((await pool.query('select from public.go')).rowCount === 0) await delay(20, undefined, { signal });
    await progress(1);
  },
  async crash({ id }, { step }) {
    const first = await step('first', async ({ db }) => {
      await db.query('insert into public.effect values ($1)', [id]);
      return 'kept';
    });
    const { rowCount } = await pool.query(`select from public.seen where what = $1`, [id]);
    if (rowCount === 1) process.kill(process.pid, 'SIGKILL');
    return first;
  },
  async publish({ id }, { publish, db, idempotencyKey }) {
    const { rows } = await pool.query('select failures from tidemark.work where id = $1', [idempotencyKey]);
    const by = `${id} ${rows[0].failures}`;
    await publish('noted', { by });
    await db.query('insert into public.effect values ($1)', [by]);
    if (rows[0].failures === 0) throw new Error('undone');
  },
};

const act = defineJob({
  name: 'act',
  input: z.object({ id: z.string(), kind: z.enum(Object.keys(kinds)), numbers: z.array(z.number()).default([]) }),
  retry: { initialMs: 100, jitter: 0 },
  async handler(input, context) {
    await see(input.id, context.attempt);
    return kinds[input.kind](input, context);
  },
});

const tidemark = createTidemark({ db: pool, topics, workers: [told], jobs: [act] });
export default tidemark;

const how = {
  alone: ({ input, options }) => tidemark.enqueue(act, input, options),
  transaction: ({ input, options }) =>
    tidemark.transaction(async ({ tx, enqueue }) => {
      await tx.query('insert into public.fact values ($1)', [input.id]);
      return enqueue(act, input, options);
    }),
  rollback: ({ input, options }) =>
    tidemark.transaction(async ({ tx, enqueue }) => {
      await tx.query('insert into public.fact values ($1)', [input.id]);
      await enqueue(act, input, options);
      throw new Error('rolled back');
    }),
};

if (process.env.CONTROL_PORT) {
  createServer(async (request, response) => {
    const asked = await json(request);
    const answer = await how[asked.how](asked).then(
      ({ id, answer }) => ({ id, answer }),
      (error) => ({ error: error.message }),
    );
    response.end(JSON.stringify(answer));
  }).listen(Number(process.env.CONTROL_PORT), '127.0.0.1');
}
