/**
 * An edit to all of 1,000 readers of one log, each on a connection of its own: how long until the last of them has it, and what memory the server
 * takes for them. Readers, server and writer are three processes.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '../src/client/connect.ts';
import type { SheetEntry } from '../src/spreadsheet/entries.ts';
import { type Child, startChild } from './support/child.ts';
import type { Environment } from './support/environment.ts';
import { type Figure, limitFigure, quantile, reportedFigure } from './support/figure.ts';
import { startHttpServer } from './support/http-server.ts';
import type { StreamReadersSettings } from './support/stream-readers-process.ts';

const READERS = 1_000;
const EDITS = 100;
const PER_SECOND = 5;
const WARM_UP = 5;
const DEADLINE_MS = 30_000;

export default async function measure(environment: Environment): Promise<Figure[]> {
  const database = await environment.database({ connections: 4 });
  const server = await startHttpServer(environment, database, 4);
  const client = connect({ url: server.url });
  try {
    await client.logs.create({ id: 'watched' });
    const alone = await edit(server.url, 1);
    const before = await server.memory();
    const many = await edit(server.url, READERS, () => server.memory());
    const megabytes = (many.memory ?? 0) - before;
    const note = `${PER_SECOND} edits a second, from the request to the last reader`;
    return [
      limitFigure(
        { name: 'sse-fanout', unit: 'ms', note: `p99 of ${note} of ${READERS}; baseline: of one` },
        { value: quantile(many.durations, 0.99), baseline: quantile(alone.durations, 0.99) },
        500,
      ),
      reportedFigure(
        { name: 'sse-fanout-p50', unit: 'ms', note: `p50 of ${note} of ${READERS}; baseline: of one` },
        { value: quantile(many.durations, 0.5), baseline: quantile(alone.durations, 0.5) },
      ),
      limitFigure(
        { name: 'sse-memory', unit: 'MB', note: `of the server, for ${READERS} readers; baseline: before they came` },
        { value: megabytes, baseline: before },
        100,
      ),
    ];
  } finally {
    client.close();
    await server.stop();
  }

  async function edit(url: string, readers: number, memory?: () => Promise<number>) {
    const settings: StreamReadersSettings = { url, logId: 'watched', readers };
    const child = await startChild('bench/support/stream-readers-process.js', settings);
    const log = client.log<SheetEntry>('watched');
    const durations: number[] = [];
    try {
      let next = BigInt((await client.logs.get('watched')).nextSequenceId);
      for (let count = 0; count < WARM_UP + EDITS; count += 1) {
        const sentAt = Date.now();
        const value = `at ${next}`;
        ({ nextSequenceId: next } = await log.addEntry({ type: 'SetCellValueAndFormat', row: 1, column: 1, value }, next));
        const hadAt = await allHad(child, value);
        if (count >= WARM_UP) {
          durations.push(hadAt - sentAt);
        }
        await delay(sentAt + 1_000 / PER_SECOND - Date.now());
      }
      return { durations, memory: await memory?.() };
    } finally {
      await child.kill();
    }
  }
}

async function allHad({ said }: Child, value: string): Promise<number> {
  const wanted = `all ${value.slice('at '.length)} `;
  for (const deadline = Date.now() + DEADLINE_MS; Date.now() < deadline; await delay(2)) {
    const line = said.findLast((one) => one.startsWith(wanted));
    if (line !== undefined) {
      return Number(line.slice(wanted.length));
    }
    const broke = said.find((one) => one.startsWith('broke '));
    if (broke !== undefined) {
      throw new Error(`A reader ${broke}.`);
    }
  }
  throw new Error(`Not all readers had the edit within ${DEADLINE_MS} ms.`);
}
