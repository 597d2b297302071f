/**
 * What quotes say in a file, decided from its beginning.
 *
 * They mean text: "00123", "12" and "" are texts where 12 is a number and nothing is no cell. Not so in a file of a program that quotes
 * everything: there every field of the beginning stands in quotes, and some without a need, and quotes say nothing. Our own export never quotes
 * without a need, so what it wrote is always read as it was.
 */
import { needsQuotes } from './csv-field.ts';
import type { CsvRecord } from './csv-parser.ts';

const SAMPLE_RECORDS = 100;
/** Records may be large. */
const SAMPLE_CHARACTERS = 1024 * 1024;

/** @returns the same records, without `quoted` where quotes say nothing */
export async function* weighQuotes(records: AsyncIterable<CsvRecord>, delimiter: string): AsyncGenerator<CsvRecord, void, undefined> {
  const sample: CsvRecord[] = [];
  let saysNothing: boolean | undefined;
  for await (const record of records) {
    if (saysNothing === undefined) {
      sample.push(record);
      if (sample.length < SAMPLE_RECORDS && record.characters < SAMPLE_CHARACTERS) {
        continue;
      }
      saysNothing = quotesEverything(sample, delimiter);
      yield* sample.map((one) => (saysNothing ? withoutQuotes(one) : one));
      sample.length = 0;
    } else {
      yield saysNothing ? withoutQuotes(record) : record;
    }
  }
  const isAll = quotesEverything(sample, delimiter);
  yield* sample.map((one) => (isAll ? withoutQuotes(one) : one));
}

function quotesEverything(sample: readonly CsvRecord[], delimiter: string): boolean {
  const isPlain = sample.some(({ fields, quoted }) => fields.some((field, index) => field !== '' && quoted?.[index] !== true));
  return !isPlain && sample.some(({ fields, quoted }) => fields.some((field, index) => quoted?.[index] && !needsQuotes(field, delimiter)));
}

function withoutQuotes(record: CsvRecord): CsvRecord {
  return { ...record, quoted: undefined };
}
