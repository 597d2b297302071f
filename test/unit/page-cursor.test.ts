/** Where a page ended: what comes back is what was given, and what nobody gave is refused before Postgres is asked. */
import { expect, test } from 'vitest';
import { formatCursor, parseCursor } from '../../src/work/page-cursor.ts';

test('it comes back as it was given', () => {
  for (const at of ['2026-11-22 10:00:00.123456+00', '2028-02-29 23:59:59+05:30', '2026-11-22 10:00:00.1-03:30:15']) {
    expect(parseCursor(formatCursor(at, "job/report/o'brien"))).toEqual([at, "job/report/o'brien"]);
  }
});

test.each([
  '2026-99-01 00:00:00+00 job/x',
  '',
  'ä',
  Buffer.from('{}').toString('base64url'),
  ...[
    '2026-99-01 00:00:00+00',
    '2026-02-30 00:00:00+00',
    '0000-01-01 00:00:00+00',
    '2026-01-01 24:00:00+00',
    '2026-01-01 00:00:00+16',
    '1',
    7,
  ].map((at) => formatCursor(at as string, 'job/x')),
  formatCursor('2026-01-01 00:00:00+00', 'job/\0'),
])('%j is none', (cursor) => {
  expect(() => parseCursor(cursor)).toThrow('is not the place where a page ended');
});
