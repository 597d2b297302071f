/** What the page works out before it draws: addresses, the tail of a log, the picture of tiles, lines of charts. */
import { describe, expect, test } from 'vitest';
import { percentOf } from '../../src/percent.ts';
import type { Job, JobDetails, LogEvent, Tile } from '../../src/web/api-types.ts';
import { formatBytes, formatDuration, formatTime } from '../../src/web/format.ts';
import { behind, mergeJobs } from '../../src/web/jobs/listed-jobs.ts';
import { newestOfJob } from '../../src/web/jobs/newest-of-job.ts';
import { describeEntry } from '../../src/web/logs/describe-entry.ts';
import { addEntries, applyEvent, type Tail } from '../../src/web/logs/log-tail.ts';
import { layOutTiles } from '../../src/web/logs/tile-layout.ts';
import { links, parseRoute } from '../../src/web/router.ts';
import { isLogId, logIdOfFile } from '../../src/web/sheets/log-id.ts';
import { latencySeries, throughputSeries } from '../../src/web/work/series.ts';

describe('an address', () => {
  test('leads back to what it was made from', () => {
    const id = 'delivery/order placed/ä?#%/7';
    expect(parseRoute(links.unit(id))).toEqual({ page: 'unit', id });
    expect(parseRoute('#/work/snapshot/flights/12')).toEqual({ page: 'unit', id: 'snapshot/flights/12' });
    expect(parseRoute(links.log('a.b_c-1'))).toEqual({ page: 'log', id: 'a.b_c-1' });
    const route = parseRoute(links.work({ state: 'dead', error: 'a & b', group: '' }));
    expect(route.page === 'work' && Object.fromEntries(route.query)).toEqual({ state: 'dead', error: 'a & b' });
  });

  test('that nobody made leads somewhere', () => {
    expect(parseRoute('')).toEqual({ page: 'sheets' });
    expect(parseRoute('#/nowhere')).toEqual({ page: 'unknown' });
    expect(parseRoute('#/logs/%')).toEqual({ page: 'log', id: '%' });
  });
});

test('a percentage is never more than there is, nor less', () => {
  expect([0, 0.29, 0.57, 0.999, 0.1234, 1].map(percentOf)).toEqual([0, 29, 57, 99, 12, 100]);
});

describe('jobs', () => {
  const job = (number: number) => ({ id: `report:${number}`, enqueuedAt: new Date(number * 1_000).toISOString(), state: 'done' }) as Job;
  const jobs = (from: number, to: number) => Array.from({ length: from - to + 1 }, (_, index) => job(from - index));

  test('that new ones push off the first page are not missing before the next one', () => {
    const shown = mergeJobs(jobs(60, 51), jobs(50, 41));
    const first = { jobs: jobs(65, 56), next: 'more' };
    expect(mergeJobs(first.jobs, behind(first, shown))).toEqual(jobs(65, 41));
  });

  test('that are on the first page no more though nothing pushed them off are gone', () => {
    const first = { jobs: [job(60), job(58), job(57)], next: 'more' };
    expect(behind(first, jobs(60, 55))).toEqual([job(56), job(55)]);
    expect(behind({ jobs: [job(60)] }, jobs(60, 55))).toEqual([]);
  });

  test('are what was said last, by whomever: one that has died and was redriven since is not dead', () => {
    const looked = {
      askedAt: 5,
      job: { ...job(1), state: 'running', attempt: 1, input: 1, attempts: [], output: [] } as unknown as JobDetails,
    };
    const dead = { ...job(1), state: 'dead', attempt: 3 } as JobDetails;
    expect(newestOfJob(looked, { heardAt: 4, job: dead })).toEqual(looked.job);
    expect(newestOfJob(looked, { heardAt: 6, job: dead })).toEqual({ ...looked.job, state: 'dead', attempt: 3 });
    expect(newestOfJob(looked, undefined)).toEqual(looked.job);
  });
});

describe('the tail of a log', () => {
  const entry = (value: number, metadata = {}) => ({ type: 'SetCellValueAndFormat', row: 0, column: 0, value, ...metadata });
  const entriesEvent = (startSequenceId: string, ...entries: ReturnType<typeof entry>[]): LogEvent => ({
    event: 'entries',
    startSequenceId,
    nextSequenceId: String(Number(startSequenceId) + entries.length),
    entries,
    provenance: entries.map(() => ({ actor: 'ines' })),
  });
  const empty: Tail = { start: 0n, entries: [] };
  const values = ({ entries }: Tail) => entries.map(({ data }) => data.value);

  test('holds each entry once, in their order, however often and in whatever order they come', () => {
    const tail = [entriesEvent('10', entry(10), entry(11)), entriesEvent('11', entry(11), entry(12)), entriesEvent('9', entry(9))].reduce(
      applyEvent,
      empty,
    );
    expect(values(tail)).toEqual([9, 10, 11, 12]);
    expect(tail.entries[0]).toMatchObject({ sequenceId: 9n, actor: 'ines', isNew: true });
  });

  test('remembers what an entry asked for when that is done', () => {
    const asked = applyEvent(empty, entriesEvent('4', entry(4, { pending: 'snapshot' }), entry(5)));
    const done = applyEvent(asked, { event: 'metadata', sequenceId: '4', snapshot: 'root-4' });
    expect(done.entries[0]).toMatchObject({ asked: 'snapshot', snapshot: 'root-4' });
    expect(done.entries[0]).not.toHaveProperty('pending');
    const again = applyEvent(done, { event: 'metadata', sequenceId: '4', snapshot: 'root-4', pending: 'snapshot' });
    expect(again.entries[0]).toMatchObject({ pending: 'snapshot' });
  });

  test('learns after a while without a stream what has changed meanwhile', () => {
    const before = applyEvent(empty, entriesEvent('1', entry(1, { pending: 'a' }), entry(2, { pending: 'b' }), entry(3, { pending: 'c' })));
    const after = applyEvent(before, { event: 'marked', entries: [{ sequenceId: '2', history: 'h' }], isComplete: false });
    expect(after.entries.map(({ pending, history }) => [pending, history])).toEqual([
      ['a', undefined],
      [undefined, 'h'],
      [undefined, undefined],
    ]);
    const complete = applyEvent(before, { event: 'marked', entries: [{ sequenceId: '2', history: 'h' }], isComplete: true });
    expect(complete.entries.map(({ pending }) => pending)).toEqual([undefined, undefined, undefined]);
    expect(applyEvent(before, { event: 'marked', entries: [], isComplete: true }).entries[2]).not.toHaveProperty('pending');
  });

  test('begins where the log does, once that is truncated', () => {
    const tail = applyEvent(applyEvent(empty, entriesEvent('1', entry(1), entry(2), entry(3))), {
      event: 'truncated',
      startSequenceId: '3',
    });
    expect(tail.start).toBe(3n);
    expect(values(tail)).toEqual([3]);
  });

  test('keeps 500 entries of what comes by itself, and all that a person asks for', () => {
    const many = applyEvent(empty, entriesEvent('0', ...Array.from({ length: 700 }, (_, value) => entry(value))));
    expect(many.entries).toHaveLength(500);
    expect(values(many)[0]).toBe(200);
    const older = { startSequenceId: '100', entries: Array.from({ length: 100 }, (_, index) => entry(100 + index)) };
    expect(addEntries(many, older, false).entries).toHaveLength(600);
  });
});

test('an entry is told in a line', () => {
  const told = (type: string, data: Record<string, unknown>) => describeEntry({ type, data });
  expect(told('SetCellValueAndFormat', { row: 6, column: 1, value: 'Grüße' })).toBe('B7 = “Grüße”');
  expect(told('SetCellValueAndFormat', { row: 0, column: 0, value: null })).toBe('A1 = empty');
  expect(told('SetCellValueAndFormat', { row: 0, column: 0, value: { type: 'CellError', value: '#REF!' } })).toBe('A1 = #REF!');
  expect(told('SetCellRange', { row: 0, column: 0, values: [[1, 2], [3]] })).toBe('A1:B2, 4 cells');
  expect(told('Placed', { quantity: 2 })).toBe('{"quantity":2}');
  expect(told('Placed', { text: 'x'.repeat(500) })).toHaveLength(140);
});

describe('the picture of tiles', () => {
  const tile = (row: number, column: number): Tile => ({
    row: row * 64,
    column: column * 16,
    rowCount: 64,
    columnCount: 16,
    isRewritten: false,
  });
  const grid = (rows: number, columns: number) =>
    Array.from({ length: rows * columns }, (_, index) => tile(Math.floor(index / columns), index % columns));

  test.each([
    [1, 1],
    [5, 3],
    [340, 3],
    [5_000, 2],
    [1, 400],
    [100, 100],
  ])('has a place for each of %i × %i within the panel, and no two in one', (rows, columns) => {
    const { placed, step, width, height } = layOutTiles(grid(rows, columns), 360, 200);
    expect(width).toBeLessThanOrEqual(360);
    expect(height).toBeLessThanOrEqual(200);
    expect(new Set(placed.map(({ x, y }) => `${x.toFixed(3)} ${y.toFixed(3)}`)).size).toBe(rows * columns);
    expect(Math.max(...placed.map(({ x }) => x + step))).toBeLessThanOrEqual(width + 0.001);
    expect(Math.max(...placed.map(({ y }) => y + step))).toBeLessThanOrEqual(height + 0.001);
  });

  test('of two cells in far corners is small', () => {
    const { width, height } = layOutTiles([tile(0, 0), tile(16_000_000, 60_000)], 360, 200);
    expect([width, height]).toEqual([36, 36]);
  });
});

describe('the lines of charts', () => {
  const now = Date.parse('2027-03-01T12:00:30Z');
  const at = '2027-03-01T11:59:00.000Z';
  const measured = { bucketMs: 60_000, buckets: [{ at, group: 'mail', done: 6, dead: 2, p50Ms: 20, p95Ms: 900 }] };

  test('are 0 in minutes in which nothing ended, and say what died beside what was done', () => {
    const { times, lines } = throughputSeries(measured, ['mail', 'sheet'], 3, now);
    expect(times.map((time) => new Date(time * 1_000).toISOString().slice(11, 16))).toEqual(['11:58', '11:59', '12:00']);
    expect(lines.map(({ label, values }) => [label, values])).toEqual([
      ['mail', [0, 6, 0]],
      ['sheet', [0, 0, 0]],
      ['dead', [0, 2, 0]],
    ]);
  });

  test('have gaps where nothing took any time', () => {
    expect(latencySeries(measured, ['mail', 'sheet'], 2, now).lines.map(({ label, values }) => [label, values])).toEqual([
      ['mail', [0.9, null]],
      ['sheet', [null, null]],
    ]);
    expect(latencySeries(measured, ['mail'], 2, now).lines.map(({ label }) => label)).toEqual(['p95', 'p50']);
  });
});

test('a file becomes a sheet by its name', () => {
  expect(logIdOfFile('Flight data (2024).csv')).toBe('flight-data-2024');
  expect(logIdOfFile('Übersicht.xlsx')).toBe('ubersicht');
  for (const name of ['...csv', '東京.csv', `${'x'.repeat(300)}.csv`, '-a-.csv']) expect(isLogId(logIdOfFile(name)), name).toBe(true);
});

test('sizes and times are short', () => {
  expect([0, 999, 1_000, 85_400, 1_700_000, 999_600].map(formatBytes)).toEqual(['0 B', '999 B', '1.0 kB', '85 kB', '1.7 MB', '1.0 MB']);
  expect([12.4, 1_500, 59_400, 61_000, 3_600_000, 200_000_000].map(formatDuration)).toEqual([
    '12 ms',
    '1.5 s',
    '59 s',
    '1 min 1 s',
    '1 h 0 min',
    '2 d 7 h',
  ]);
  expect(formatTime('2027-03-01T12:00:30', new Date('2027-03-01T18:00:00'))).toBe('12:00:30');
  expect(formatTime('2026-03-01T12:00:30', new Date('2027-03-01T18:00:00'))).toBe('1 Mar 2026 12:00:30');
});
