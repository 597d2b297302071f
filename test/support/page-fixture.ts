/** The page in a real browser, over a server of the test's own, with the scripted application of tidemark-fixture.ts behind it. */
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { createDirectoryBlobStore } from '../../src/blob-store/directory-blob-store.ts';
import type { HttpAppOptions } from '../../src/http/http-app.ts';
import { builtPage, launchBrowser, type OpenedPage, openPage, type PageOptions } from './browser.ts';
import { startTestServer, type TestServer } from './http-server.ts';
import { scriptedRegistry } from './scripted-app.ts';
import { createTidemarkFixture, type TidemarkFixture } from './tidemark-fixture.ts';

export type ServeOptions = Partial<HttpAppOptions> & { port?: number };

export interface PageFixture {
  readonly tidemark: TidemarkFixture;
  readonly server: TestServer;
  readonly browser: Browser;
  /** Another server over the same database. */
  serve(options?: ServeOptions): Promise<TestServer>;
  /** @param hash as in '#/work'. Closed with the fixture at the latest */
  open(hash?: string, options?: PageOptions & { url?: string }): Promise<OpenedPage>;
  close(): Promise<void>;
}

/** Where Temporal's web UI would be: links to it are looked at, not followed. */
export const UI_URL = 'http://127.0.0.1:8233';

export async function createPageFixture(options: Partial<HttpAppOptions> = {}): Promise<PageFixture> {
  const [tidemark, pageDir, browser] = await Promise.all([createTidemarkFixture(), builtPage(), launchBrowser()]);
  const endings: (() => Promise<void>)[] = [];
  const serve = async (more: ServeOptions = {}) => {
    const server = await startTestServer(tidemark.database, {
      pageDir,
      blobs: createDirectoryBlobStore({ path: tidemark.blobsPath }),
      logTypes: [...scriptedRegistry(tidemark.database.pool, false).logTypes.values()],
      uiUrl: UI_URL,
      ...options,
      ...more,
    });
    endings.push(() => server.close());
    return server;
  };
  const server = await serve();
  return {
    tidemark,
    server,
    browser,
    serve,
    open: (hash = '#/', { url = server.url, ...pageOptions } = {}) => openPage(browser, `${url}/${hash}`, pageOptions),
    async close() {
      await browser.close();
      for (const end of endings) await end();
      await tidemark.close();
    },
  };
}

/**
 * What axe-core finds wrong for people who use it by keyboard, with a screen reader, or with little sight (WCAG 2.2 AA).
 * @param options `rules`: only these of axe's; default: all of WCAG 2.2 A and AA, and its best practices. @returns one line each
 */
export async function findBarriers(page: Page, { rules }: { rules?: readonly string[] } = {}): Promise<string[]> {
  // As an expression of the debugger it is not subject to the page's policy.
  await page.evaluate(axe.source);
  const runOnly = rules ?? ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
  return await page.evaluate(`
    axe.run(document, { runOnly: ${JSON.stringify(runOnly)} }).then(({ violations }) =>
      violations.flatMap(({ id, help, nodes }) => nodes.map(({ html, any }) => id + ': ' + help + ' ' + (any[0]?.message ?? '') + ' ' + html.slice(0, 160))))`);
}

/** By how many px the page is wider than its window: somebody would have to scroll sideways. */
export async function sidewaysPx(page: Page): Promise<number> {
  return await page.evaluate('document.documentElement.scrollWidth - window.innerWidth');
}
