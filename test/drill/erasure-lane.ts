/** Writes a secret into a sheet, lets others write, snapshot and compact for a while, and then has it erased with the cells around it. */
import type { SheetEntry } from '../../src/spreadsheet/entries.ts';
import { sheet } from '../../src/spreadsheet/sheet.ts';
import { LONG_LOG } from './drill-logs.ts';
import type { StirOptions } from './stir-lanes.ts';

interface Secret {
  logId: string;
  row: number;
  column: number;
  value: string;
}

/** So many wait for their erasure at a time. */
const WAITING = 4;

/** @returns how many erasures it has asked for */
export async function runErasureLane({ clock, random, logs, appender, everyMs }: StirOptions & { everyMs: number }): Promise<number> {
  // Few, so that several meet in one; what it removes there, the collections do not find.
  const sheets = logs.filter(({ id, type }) => type === sheet.type && id !== LONG_LOG).filter((_, index) => index % 6 === 0);
  const waiting: Secret[] = [];
  let asked = 0;
  for (let number = 0; ; number += 1) {
    await clock.pause(random.waitMs(everyMs));
    const secret: Secret = {
      logId: random.pick(sheets).id,
      row: random.integer(0, 300),
      column: random.integer(0, 40),
      value: `secret-${number}-${random.integer(0, 1_000_000_000)}`,
    };
    const { logId, row, column, value } = secret;
    const entry: SheetEntry = { type: 'SetCellValueAndFormat', row, column, value };
    await appender.append({ name: `secret-${number}`, logId, entries: [entry], expect: 'any' });
    waiting.push(secret);
    while (waiting.length > (clock.isOver() ? 0 : WAITING)) {
      const due = waiting.shift() as Secret;
      const ranges = [{ row: due.row, column: due.column, rowCount: random.integer(1, 3), columnCount: random.integer(1, 3) }];
      const erasure: SheetEntry = { type: 'EraseCells', ranges };
      await appender.append({ name: `erasure-${asked}`, logId: due.logId, entries: [{ ...erasure, pending: 'erase' }], expect: 'any' });
      asked += 1;
    }
    if (clock.isOver()) return asked;
  }
}
