/**
 * What a job does wherever it runs: written once, for every mode of an application. A busy machine may run an attempt again that has not ended yet, so what
 * is counted are effects and failures, not beginnings.
 */
import { describe, expect, test } from 'vitest';
import type { Tidemark } from '../../src/index.ts';
import type { Pool } from '../../src/postgres/pool.ts';
import { until } from './until.ts';

export interface Mode {
  /** Of the database that the application has, from outside of it. */
  tidemark: Tidemark;
  pool: Pool;
  /** Asks the application's process; done when that has answered. */
  ask(how: 'alone' | 'transaction' | 'rollback', input: Input, options?: object): Promise<{ id?: string; answer?: string; error?: string }>;
  /** Starts again what was killed. */
  restart(): Promise<void>;
}

interface Input {
  id: string;
  kind: string;
  numbers?: number[];
}

export function describeJobBehaviour(mode: () => Mode): void {
  const jobOf = (id: string) => mode().tidemark.job(`act:${id}`);
  const seen = async (what: string) =>
    (await mode().pool.query('select attempt, at from public.seen where what = $1 order by at', [what])).rows;
  const has = async (table: string, what: string) =>
    (await mode().pool.query(`select from public.${table} where what = $1`, [what])).rowCount;
  /** As the answer may come when it is done, or before it begins. */
  const begin = (id: string, kind: string) => {
    const asked = mode().ask('alone', { id, kind }, { id });
    asked.catch(() => {});
    return until(`${id} is known`, async () =>
      (await mode().tidemark.listJobs({ limit: 1_000 })).jobs.some((job) => job.id === `act:${id}`),
    );
  };

  describe('side by side', { concurrent: true }, () => {
    test('its result is kept', async () => {
      const { id } = await mode().ask('alone', { id: 'sum', kind: 'sum', numbers: [20, 22] });
      const job = mode().tidemark.job(String(id));
      expect(await job.result()).toEqual({ total: 42 });
      expect(await job.status()).toMatchObject({ state: 'done', attempts: [] });
    });

    test('it is tried again after growing intervals', async () => {
      await mode().ask('alone', { id: 'flaky', kind: 'flaky' }, { id: 'flaky' });
      await jobOf('flaky').result();
      const { attempts, begunAt } = await jobOf('flaky').status();
      expect(attempts.map(({ error }) => error.message)).toEqual(['not yet', 'not yet']);
      expect(Number(attempts[1]?.begunAt) - Number(attempts[0]?.failedAt)).toBeGreaterThanOrEqual(99);
      expect(Number(begunAt) - Number(attempts[1]?.failedAt)).toBeGreaterThanOrEqual(199);
    });

    test('it is dead after its attempts, with the error of each', async () => {
      await mode().ask('alone', { id: 'broken', kind: 'broken' }, { id: 'broken' });
      await expect(jobOf('broken').result()).rejects.toMatchObject({ state: 'dead', reason: { message: 'broken' } });
      const { attempts } = await jobOf('broken').status();
      expect(attempts.map(({ error }) => error.message)).toEqual(['broken', 'broken', 'broken']);
    });

    test('it is cancelled, and its handler hears of it while it hangs', async () => {
      await begin('hang', 'hang');
      await until('it runs', async () => (await seen('hang')).length > 0);
      const cancelledAt = performance.now();
      expect(await jobOf('hang').cancel()).toBe('running');
      await until('its handler has heard', async () => (await seen('hang aborted')).length > 0);
      expect(performance.now() - cancelledAt).toBeLessThan(5_000);
      expect((await jobOf('hang').status()).state).toBe('cancelled');
    });

    test('it shows how far it is while it runs', async () => {
      await begin('progress', 'progress');
      await until('it is half way', async () => (await jobOf('progress').progress())?.fraction === 0.5);
      expect(await jobOf('progress').status()).toMatchObject({ state: 'running', progress: { message: 'half', counts: { rows: 7 } } });
      await mode().pool.query('insert into public.go values (1)');
      await jobOf('progress').result();
      expect(await jobOf('progress').progress()).toEqual({ fraction: 1, message: 'half', counts: { rows: 7 } });
    });

    test('it is there with the facts of its transaction', async () => {
      await mode().ask('transaction', { id: 'facts', kind: 'sum' }, { id: 'facts' });
      expect(await has('fact', 'facts')).toBe(1);
      expect(await jobOf('facts').result()).toEqual({ total: 0 });
    });

    test('it is not there where they were rolled back', async () => {
      expect(await mode().ask('rollback', { id: 'lost', kind: 'sum' }, { id: 'lost' })).toEqual({ error: 'rolled back' });
      expect(await has('fact', 'lost')).toBe(0);
      await expect(jobOf('lost').status()).rejects.toThrow('act:lost');
      expect(await seen('lost')).toEqual([]);
    });

    test('what is enqueued twice is done once', async () => {
      const twice = [1, 2].map(() => mode().ask('alone', { id: 'twice', kind: 'sum' }, { id: 'twice' }));
      expect((await Promise.all(twice)).map(({ answer }) => answer).sort()).toEqual(['created', 'ignored']);
      await jobOf('twice').result();
      expect(await has('effect', 'twice')).toBe(1);
    });

    test('what it publishes and writes takes effect once, with its end', async () => {
      await mode().ask('alone', { id: 'publish', kind: 'publish' }, { id: 'publish' });
      await jobOf('publish').result();
      const { rows } = await mode().pool.query(`select data -> 'by' as by from tidemark.message where topic = 'noted'`);
      expect(rows).toEqual([{ by: 'publish 1' }]);
      expect(await has('effect', 'publish 0')).toBe(0);
      expect(await has('effect', 'publish 1')).toBe(1);
    });

    test('an input that is none of its is refused by whoever enqueues', async () => {
      const { error } = await mode().ask('alone', { id: 'bad', kind: 'nonsense' });
      expect(error).toMatch("The input of job 'act' is refused: kind");
    });
  });

  test('killed on the way, it goes on after the step that has finished', async () => {
    // Whoever asked may be who dies.
    await begin('crash', 'crash');
    await until('it runs', async () => (await seen('crash')).length > 0);
    await mode().restart();
    expect(await jobOf('crash').result({ signal: AbortSignal.timeout(20_000) })).toBe('kept');
    expect((await seen('crash')).length).toBeGreaterThan(1);
    expect(await has('effect', 'crash')).toBe(1);
  });
}
