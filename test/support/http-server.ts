/** The HTTP application on a free port, over a test's own database. Requests go through a real socket. */
import { createMemoryBlobStore } from '../../src/blob-store/memory-blob-store.ts';
import { type Authorize, SCOPES } from '../../src/http/access.ts';
import { createHttpApp, type HttpAppOptions } from '../../src/http/http-app.ts';
import type { HttpApp } from '../../src/http/http-context.ts';
import { createTidemark, type Tidemark, type TidemarkOptions } from '../../src/tidemark.ts';
import type { TestDatabase } from './database.ts';

export interface TestServer {
  url: string;
  app: HttpApp;
  tidemark: Tidemark;
  /** @param body sent as JSON */
  request(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  close(): Promise<void>;
}

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: whatever a test expects of it
  body: any;
}

export const everybody: Authorize = () => ({ actor: 'tester', scopes: SCOPES });

export async function startTestServer(
  database: TestDatabase,
  {
    logTypes = [],
    topics = {},
    workers = [],
    changes = [],
    useJobs,
    jobs = [],
    blobs = createMemoryBlobStore(),
    port = 0,
    ...options
  }: Partial<HttpAppOptions> &
    Pick<TidemarkOptions, 'logTypes' | 'topics' | 'workers' | 'changes' | 'jobs' | 'useJobs' | 'blobs'> & { port?: number } = {},
): Promise<TestServer> {
  const definitions = { logTypes, topics, workers, changes, jobs, ...(useJobs === undefined ? {} : { useJobs }) };
  const tidemark = createTidemark({ db: database.pool, blobs, ...definitions });
  const app = await createHttpApp({ tidemark, db: database.db, authorize: everybody, version: '0.0.0', ...options });
  const url = await app.listen({ host: '127.0.0.1', port });
  return {
    url,
    app,
    tidemark,
    async request(method, path, body, headers = {}) {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      const isJson = /json/.test(response.headers.get('content-type') ?? '');
      return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
    },
    async close() {
      await app.close();
      await tidemark.close();
    },
  };
}
