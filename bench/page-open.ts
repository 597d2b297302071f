/** From an address to the first cells that a person sees, in a browser that has nothing yet: a sheet of a million rows against one of a thousand. */
import type { Browser } from 'playwright-core';
import type { Environment } from './support/environment.ts';
import { alternate, durationFigure, type Figure, limitFigure, quantile, timed } from './support/figure.ts';
import { openSheetPages } from './support/sheet-page.ts';

const ROUNDS = 9;

export default async function measure(environment: Environment): Promise<Figure[]> {
  const pages = await openSheetPages(environment);
  try {
    const [large, small] = [await pages.addressOf(1_000_000), await pages.addressOf(1_000)];
    const bytes: { large: number[]; small: number[] } = { large: [], small: [] };
    const measured = await alternate({
      rounds: ROUNDS,
      value: () => open(pages.browser, large, bytes.large),
      baseline: () => open(pages.browser, small, bytes.small),
    });
    const note =
      'from the address to a cell of a sheet of 1,000,000 rows, with nothing in the cache of the browser, p50; baseline: of 1,000 rows';
    const wire = { value: quantile(bytes.large, 0.5) / 1_000, baseline: quantile(bytes.small, 0.5) / 1_000 };
    return [
      durationFigure({ name: 'page-open', unit: 'ms', note }, measured, 1.5),
      limitFigure(
        {
          name: 'page-open-wire',
          unit: 'kB',
          note: 'what comes over the wire for it, heads and compressed bodies, p50; baseline: of 1,000 rows',
        },
        wire,
        250,
      ),
    ];
  } finally {
    await pages.close();
  }
}

/** @param bytes gets what came over the wire until then */
async function open(browser: Browser, address: string, bytes: number[]): Promise<number> {
  const context = await browser.newContext();
  const page = await context.newPage();
  try {
    const network = await context.newCDPSession(page);
    let received = 0;
    network.on('Network.responseReceived', ({ response }) => {
      received += response.encodedDataLength;
    });
    network.on('Network.dataReceived', ({ encodedDataLength }) => {
      received += encodedDataLength;
    });
    await network.send('Network.enable');
    const milliseconds = await timed(async () => {
      await page.goto(address);
      await page.locator('#cell-A1', { hasText: 'first' }).waitFor();
    });
    bytes.push(received);
    return milliseconds;
  } finally {
    await context.close();
  }
}
