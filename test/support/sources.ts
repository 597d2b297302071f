/** Reads a source by itself, from a server of a few lines. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AnySource, SourcePage } from '../../src/workbooks/define-source.ts';
import { type SourceContextOptions, type SourceSettings, sourceContext } from '../../src/workbooks/source-context.ts';

export interface SmallServer {
  readonly host: string;
  readonly url: string;
  /** Addresses that were asked, with their queries. */
  readonly asked: string[];
  answer: (request: IncomingMessage, response: ServerResponse) => void;
  close(): void;
}

export async function startSmallServer(): Promise<SmallServer> {
  const http = createServer((request, response) => {
    server.asked.push(request.url ?? '');
    server.answer(request, response);
  });
  const server: SmallServer = {
    host: '',
    url: '',
    asked: [],
    answer: (_, response) => void response.end('[]'),
    close: () => {
      http.closeAllConnections();
      http.close();
    },
  };
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(http.address() as AddressInfo).port}`;
  return Object.assign(server, { host, url: `http://${host}` });
}

export const json = (response: ServerResponse, value: unknown): void =>
  void response.end(typeof value === 'string' ? value : JSON.stringify(value));

export interface ReadOptions extends Partial<Pick<SourceContextOptions, 'cursor' | 'columns' | 'signal' | 'onWait' | 'heartbeat'>> {
  settings: Partial<SourceSettings>;
  onWarn?: (text: string) => void;
}

/** Its pages, as long as they are taken. @param options as a table says them */
export function readSource(
  source: AnySource,
  options: Record<string, unknown>,
  { settings, onWarn = () => {}, signal = new AbortController().signal, ...more }: ReadOptions,
): AsyncIterable<SourcePage> {
  const parsed = source.options.parse(options);
  return source.read(
    parsed,
    sourceContext({
      cursor: undefined,
      columns: undefined,
      signal,
      onWait: async () => {},
      heartbeat: async () => {},
      logger: { debug() {}, info() {}, warn: onWarn, error() {} },
      ...more,
      settings: { allowedHosts: [], secretHosts: {}, variable: () => undefined, ...settings },
    }),
  );
}

export async function recordsOf(pages: AsyncIterable<SourcePage>): Promise<Record<string, unknown>[]> {
  const records: Record<string, unknown>[] = [];
  for await (const page of pages) records.push(...page.records);
  return records;
}
