/** What a schedule may be: refused when the application is made, in one line that says what to change. */
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createTidemark, defineJob, defineSchedule, firingOf, InvalidInputError } from '../../src/index.ts';
import { cronProblem } from '../../src/schedules/cron.ts';
import type { AnySchedule } from '../../src/schedules/define-schedule.ts';
import { describeTimes, scheduleAction } from '../../src/schedules/schedule-action.ts';

const job = defineJob({ name: 'send', input: z.object({ list: z.string().optional() }), handler: () => undefined });
const base = { name: 'news', cron: '0 10 * * *', timezone: 'Europe/Berlin', job };
const define = (changes: Record<string, unknown>) => () => defineSchedule({ ...base, ...changes } as AnySchedule);

test.each<[string, Record<string, unknown>, string]>([
  ['a name that is none', { name: 'News letter' }, "'News letter' is not the name of a schedule"],
  ['one of Tidemark’s own', { name: 'collect-garbage' }, "that name is Tidemark's own. Rename it"],
  ['neither cron nor interval', { cron: undefined, timezone: undefined }, 'it needs cron or everyMs, and not both'],
  ['a misspelt option', { timeZone: 'UTC' }, "'timeZone' is no option of schedule 'news'"],
  ['both', { everyMs: 60_000 }, 'it needs cron or everyMs, and not both'],
  ['a zone without a calendar', { cron: undefined, everyMs: 60_000 }, 'timezone is of cron'],
  ['a cron of six fields', { cron: '0 0 10 * * *' }, 'it has 6 fields: use five'],
  ['an unknown zone', { timezone: 'Europe/Berlinn' }, "its timezone 'Europe/Berlinn' is unknown: use a name such as Europe/Berlin"],
  ['a zone that the server would not know', { timezone: 'europe/berlin' }, "its timezone 'europe/berlin' is unknown"],
  ['an offset', { timezone: '+01:00' }, "its timezone '+01:00' is unknown"],
  ['half a second', { cron: undefined, timezone: undefined, everyMs: 1_500 }, 'everyMs is 1500: use a whole number of 1000s from 1000 to'],
  ['a short catch-up', { catchUpMs: 9_999 }, 'catchUpMs is 9999: use a whole number from 10000 to'],
  ['jitter that is none', { jitterMs: -1 }, 'jitterMs is -1: use a whole number from 0 to'],
  ['an unknown overlap', { overlap: 'queue' }, "overlap is 'queue': use 'skip', 'buffer' or 'allow'"],
  [
    'more to catch up with than is kept',
    { cron: undefined, timezone: undefined, everyMs: 2_000, overlap: 'allow', catchUpMs: 3_600_000 },
    'catchUpMs 3600000 is more than 1000 times everyMs, and so many firings are kept at most: use 2000000 or less',
  ],
  ['an input that is not the job’s', { input: { list: 7 } }, "The input of job 'send' is refused: list: Invalid input"],
  ['no job', { job: undefined }, 'job is no job'],
])('refused: %s', (_, changes, message) => {
  expect(define(changes)).toThrow(InvalidInputError);
  expect(define(changes)).toThrow(message);
});

test('an instance refuses a schedule whose job it does not have, and two of one name', () => {
  const db = { query: async () => ({ rows: [] }) };
  const news = defineSchedule(base);
  expect(() => createTidemark({ db, schedules: [news] })).toThrow(
    "Schedule 'news': its job 'send' is not one of this instance. Add it to createTidemark({ jobs }).",
  );
  expect(() => createTidemark({ db, jobs: [job], schedules: [news, defineSchedule(base)] })).toThrow(
    "The schedule 'news' is defined twice",
  );
  expect([...createTidemark({ db, jobs: [job], schedules: [news] }).registry.schedules.keys()]).toEqual(['news']);
});

describe('a cron expression', () => {
  test.each(['0 10 * * *', '*/15 * * * *', '0 0 29 2 *', '0 9-17 * * MON-fri', '5/15 0,12 1-7 jan-MAR,7 0,7', '1-9/4 * * * *'])(
    '%s',
    (cron) => {
      expect(cronProblem(cron)).toBeUndefined();
    },
  );
  test.each([
    ['60 * * * *', "its minute '60' cannot be used"],
    ['* 24 * * *', "its hour '24' cannot be used"],
    ['* * 0 * *', "its day of the month '0' cannot be used"],
    ['* * * 13 *', "its month '13' cannot be used"],
    ['* * * * 8', "its weekday '8' cannot be used"],
    ['* 22-2 * * *', "its hour '22-2' cannot be used"],
    ['*/0 * * * *', "its minute '*/0' cannot be used"],
    ['* * L * *', "its day of the month 'L' cannot be used"],
    ['* * ? * *', "its day of the month '?' cannot be used"],
    ['1,,2 * * * *', "its minute '1,,2' cannot be used"],
    ['0 0 30 2 *', 'day 30 is in none of its months: it would never fire'],
    ['@daily', 'it has 1 fields: use five'],
    ['', 'it has 0 fields'],
  ])('%s is refused', (cron, problem) => {
    expect(cronProblem(cron)).toContain(problem);
  });
});

test('what Temporal keeps says everything, with what was not said filled in', () => {
  expect(scheduleAction(defineSchedule(base))).toEqual({
    ...{ schedule: 'news', job: 'send', input: {}, cron: '0 10 * * *', timezone: 'Europe/Berlin', overlap: 'skip' },
    ...{ catchUpMs: 12 * 3_600_000, jitterMs: 0 },
  });
  const often = scheduleAction(defineSchedule({ name: 'often', everyMs: 2_000, job, input: { list: 'a' }, actor: 'clock' }));
  expect(often).toMatchObject({ input: { list: 'a' }, everyMs: 2_000, catchUpMs: 2_000_000, actor: 'clock' });
  expect([often, { everyMs: 5_400_000 }, { cron: '0 1 * * *', timezone: 'UTC' }].map(describeTimes)).toEqual([
    'every 2 s',
    'every 90 min',
    '0 1 * * * UTC',
  ]);
});

test('a job’s id says which firing it is of', () => {
  expect(firingOf('send:news/2026-11-22T09:00:00Z')).toEqual({ schedule: 'news', dueAt: new Date('2026-11-22T09:00:00Z') });
  expect(firingOf('send:news/triggered/4a3f-9')).toEqual({ schedule: 'news' });
  expect(firingOf('send:something else')).toBeUndefined();
});
