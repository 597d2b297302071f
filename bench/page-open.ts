/** From an address to the first cells that a person sees, in a browser that has nothing yet: a sheet of a million rows against one of a thousand. */
import type { Browser } from 'playwright-core';
import type { Environment } from './support/environment.ts';
import { alternate, durationFigure, type Figure, timed } from './support/figure.ts';
import { openSheetPages } from './support/sheet-page.ts';

const ROUNDS = 9;

export default async function measure(environment: Environment): Promise<Figure[]> {
  const pages = await openSheetPages(environment);
  try {
    const [large, small] = [await pages.addressOf(1_000_000), await pages.addressOf(1_000)];
    const measured = await alternate({
      rounds: ROUNDS,
      value: () => open(pages.browser, large),
      baseline: () => open(pages.browser, small),
    });
    const note =
      'from the address to a cell of a sheet of 1,000,000 rows, with nothing in the cache of the browser, p50; baseline: of 1,000 rows';
    return [durationFigure({ name: 'page-open', unit: 'ms', note }, measured, 1.5)];
  } finally {
    await pages.close();
  }
}

async function open(browser: Browser, address: string): Promise<number> {
  const context = await browser.newContext();
  const page = await context.newPage();
  try {
    return await timed(async () => {
      await page.goto(address);
      await page.locator('#cell-A1', { hasText: 'first' }).waitFor();
    });
  } finally {
    await context.close();
  }
}
