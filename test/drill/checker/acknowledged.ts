import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** One line of the file outside the database. */
export interface AppendRecord {
  outcome: 'acknowledged' | 'found';
  append: string;
  log: string;
  first: string;
  entries: Record<string, unknown>[];
}

export async function readAcknowledged(path: string): Promise<AppendRecord[]> {
  const records: AppendRecord[] = [];
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    records.push(JSON.parse(line));
  }
  return records;
}
