import { setTimeout as delay } from 'node:timers/promises';
import { type Child, startChild } from './child.ts';
import type { BenchDatabase, Environment } from './environment.ts';
import type { HttpServerSettings } from './http-server-process.ts';

export interface BenchServer {
  url: string;
  /** MB, now. */
  memory(): Promise<number>;
  stop(): Promise<void>;
}

export async function startHttpServer(environment: Environment, database: BenchDatabase, connections = 8): Promise<BenchServer> {
  const settings: HttpServerSettings = { databaseUrl: database.url, blobs: await environment.folder(), connections };
  const child = await startChild('bench/support/http-server-process.js', settings);
  const last = (word: string) => child.said.findLast((line) => line.startsWith(`${word} `))?.slice(word.length + 1);
  return {
    url: last('address') as string,
    memory: () => memoryOf(child, () => child.said.filter((line) => line.startsWith('memory ')).length, last),
    stop: () => child.kill(),
  };
}

async function memoryOf({ pid }: Child, count: () => number, last: (word: string) => string | undefined): Promise<number> {
  const before = count();
  process.kill(pid, 'SIGUSR2');
  while (count() === before) {
    await delay(5);
  }
  return Number(last('memory'));
}
